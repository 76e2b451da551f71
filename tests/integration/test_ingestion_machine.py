"""Any interleaving of messages, crashes, rebuilds and days, on the engine, with faults at the wire."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from adapters.dynamodb import (
    DynamoClient,
    DynamoPurchaseCanceller,
    DynamoPurchaseHistory,
    DynamoPurchaseRecorder,
    DynamoPurchaseRefunder,
    DynamoRecentPurchases,
    DynamoRecentRebuilder,
)
from adapters.dynamodb.schema import attributes
from adapters.dynamodb.schema.attributes import day_capacity
from tests.builders import NOW
from tests.contracts.conftest import SHARDS, Store, dynamo_store
from tests.doubles.memory import ManualClock
from tests.ingestion_machine import CROWD, RETENTION, IngestionMachine
from tests.integration.faults import Stopwatch, injected, taking, time_out, time_out_after_doing_it

OPERATIONS = ("TransactWriteItems", "UpdateItem")


def a_store(client: DynamoClient) -> Store:
    clock = ManualClock(NOW)
    history = DynamoPurchaseHistory(client, clock=clock, retention=RETENTION.purchases)
    return replace(
        dynamo_store(client),
        recorder=DynamoPurchaseRecorder(client, clock=clock, retention=RETENTION, shards=SHARDS),
        canceller=DynamoPurchaseCanceller(client, clock=clock, retention=RETENTION),
        refunder=DynamoPurchaseRefunder(client, clock=clock, retention=RETENTION),
        rebuilder=DynamoRecentRebuilder(client, clock=clock, retention=RETENTION, history=history),
        history=history,
        recent=DynamoRecentPurchases(client, clock=clock, retention=RETENTION),
        clock=clock,
    )


class EngineMachine(IngestionMachine):
    def __init__(self, client: DynamoClient, stopwatch: Stopwatch) -> None:
        super().__init__(a_store(client))
        self.client, self.stopwatch = client, stopwatch

    @contextmanager
    def crashing(self, crash: tuple[int, bool] | None) -> Iterator[None]:
        """No time is left for anything after the fault, as for who was killed."""
        with ExitStack() as stack:
            if crash is not None:
                number, happens = crash
                fault = time_out_after_doing_it if happens else time_out
                last = taking(self.stopwatch, 1_000.0, fault)
                for operation in OPERATIONS:
                    faults = [None] * number + [last]
                    stack.enter_context(injected(self.client, operation, *faults, all_met=False))
            yield


@pytest.mark.parametrize(
    ("examples", "steps", "together"),
    [
        (10, 25, 1),
        pytest.param(10, 25, 10, marks=pytest.mark.full),
        pytest.param(100, 40, 1, marks=[pytest.mark.full, pytest.mark.early(60)]),
        pytest.param(100, 40, 10, marks=[pytest.mark.full, pytest.mark.early(60)]),
    ],
)
def test_whatever_happens_the_tables_are_what_a_rebuild_makes_of_the_truth(
    client: DynamoClient, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int, together: int
) -> None:
    monkeypatch.setattr(attributes, "ITEM_BUDGET_BYTES", 45_000)
    assert day_capacity(RETENTION.days) < CROWD
    client.options = replace(client.options, customers_together=together)
    stopwatch = client.monotonic = Stopwatch()
    run_state_machine_as_test(
        lambda: EngineMachine(client, stopwatch),  # type: ignore[arg-type]  # any factory will do
        settings=settings(max_examples=examples, stateful_step_count=steps, derandomize=True),
    )

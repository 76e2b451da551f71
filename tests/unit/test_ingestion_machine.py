"""Any interleaving of messages, crashes and days, in memory: many of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from domain.errors import StoreUnavailable
from tests.builders import NOW
from tests.contracts.conftest import Store, memory_store
from tests.doubles.memory import ManualClock
from tests.doubles.store import Call, ReferenceStore
from tests.ingestion_machine import IngestionMachine

T = TypeVar("T")
WRITES = ("record", "refund", "cancel")


class Crashing(ReferenceStore):
    """The write of number `at` is the last one answered before; it has an effect or none."""

    at: int | None = None
    happens = False

    def __init__(self, *, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.refuse, self.lose = self._count, self._crash

    def _count(self, call: Call) -> None:
        if self.at is not None and call.method in WRITES:
            self.at -= 1
            if self.at < -1 or not self.happens:
                self._crash(call)

    def _crash(self, call: Call) -> None:
        if self.at is not None and self.at < 0 and call.method in WRITES:
            raise StoreUnavailable("crashed")


def a_store(purchases: Crashing, clock: ManualClock) -> Store:
    return replace(
        memory_store(),
        recorder=purchases,
        canceller=purchases,
        refunder=purchases,
        rebuilder=purchases,
        history=purchases,
        recent=purchases,
        clock=clock,
    )


class MemoryMachine(IngestionMachine):
    def __init__(self) -> None:
        clock = ManualClock(NOW)
        self.purchases = Crashing(clock=clock)
        super().__init__(a_store(self.purchases, clock))

    @contextmanager
    def crashing(self, crash: tuple[int, bool] | None) -> Iterator[None]:
        if crash is not None:
            self.purchases.at, self.purchases.happens = crash
        yield
        self.purchases.at = None


@pytest.mark.parametrize(
    "examples", [40, pytest.param(1_000, marks=[pytest.mark.full, pytest.mark.early(40)])]
)
def test_whatever_happens_in_whatever_order_the_truth_and_the_features_are_right(
    examples: int,
) -> None:
    run_state_machine_as_test(
        MemoryMachine,
        settings=settings(max_examples=examples, stateful_step_count=30, derandomize=True),
    )

"""Erasure against everything that may happen meanwhile: nothing is left, whatever the wire does."""

import asyncio
import random
import re
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.dynamodb import DynamoClient
from adapters.feature_sets import built_in_sets
from domain.customers import UNFINISHED
from domain.errors import StoreUnavailable
from domain.purchases import Cancelling, Recording
from domain.verification import VerifyRecent
from tests.builders import DAY, USD, a_purchase
from tests.contracts.conftest import Store, dynamo_store, memory_store
from tests.contracts.test_customer_eraser import UNTIL, assert_nothing_is_left, bought
from tests.integration.faults import (
    Fault,
    Stopwatch,
    answer,
    body,
    cancelled,
    error,
    injected,
    taking,
    time_out,
    time_out_after_doing_it,
)
from tests.profiles import examples

pytestmark = pytest.mark.anyio
CUSTOMER = a_purchase().customer_id
RECENT, LATE = 1, 200
QUIET = settings(
    max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def erasing_first(client: DynamoClient) -> Fault:
    """Before the request is sent, somebody else erases the customer."""

    def erase(request: AWSPreparedRequest) -> AWSResponse | None:
        del request
        erased = asyncio.run(dynamo_store(client).eraser.erase(CUSTOMER, suppressed_until=UNTIL))
        assert erased.complete
        return None

    return erase


@pytest.fixture
def other(client: DynamoClient) -> Iterator[DynamoClient]:
    """Another process's client of the same tables, in which no fault is injected."""
    client_of_another = DynamoClient(client.options)
    yield client_of_another
    client_of_another.close()


@pytest.mark.parametrize("age", [RECENT, LATE])
async def test_a_purchase_on_its_way_when_the_customer_is_erased_is_refused(
    client: DynamoClient, other: DynamoClient, age: int
) -> None:
    store = dynamo_store(client)
    with injected(client, "TransactWriteItems", erasing_first(other)):
        assert await store.recorder.record(bought(age)) == [Recording.ERASED]
    await assert_nothing_is_left(store)


@pytest.mark.parametrize("age", [RECENT, LATE, None])
async def test_a_cancellation_on_its_way_when_the_customer_is_erased_leaves_no_tombstone(
    client: DynamoClient, other: DynamoClient, age: int | None
) -> None:
    store = dynamo_store(client)
    if age is not None:
        await store.recorder.record(bought(age))
    with injected(client, "TransactWriteItems", erasing_first(other)):
        assert await store.canceller.cancel(CUSTOMER, "p000") == Cancelling.ERASED
    await assert_nothing_is_left(store)


async def test_a_rebuild_that_read_before_the_erasure_writes_nothing_after_it(
    client: DynamoClient, other: DynamoClient
) -> None:
    store = dynamo_store(client)
    await store.recorder.record(bought(RECENT))
    client.connection.delete_item(client.recent.Meta.table_name, CUSTOMER)
    with injected(client, "UpdateItem", erasing_first(other)) as sent:
        assert not await store.rebuilder.rebuild(CUSTOMER)
    assert sent.count("UpdateItem") == 1
    await assert_nothing_is_left(store)


@pytest.mark.parametrize("erased", [True, False])
async def test_where_the_engine_does_not_tell_why_it_refuses_the_item_is_read(
    client: DynamoClient, erased: bool
) -> None:
    store = dynamo_store(client)
    if erased:
        await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    refused = cancelled("None", "ConditionalCheckFailed")
    with injected(client, "TransactWriteItems", refused):
        outcome = await store.recorder.record(bought(RECENT))
    assert outcome == [Recording.ERASED if erased else Recording.RECORDED]


async def test_deletes_that_the_store_leaves_are_asked_for_again(client: DynamoClient) -> None:
    def leave_all(request: AWSPreparedRequest) -> AWSResponse | None:
        return answer({"UnprocessedItems": body(request)["RequestItems"]})

    store = dynamo_store(client)
    await store.recorder.record(bought(RECENT, LATE))
    with injected(client, "BatchWriteItem", leave_all, leave_all):
        erased = await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    assert (erased.purchases, erased.complete) == (2, True)
    await assert_nothing_is_left(store)


@pytest.mark.parametrize("step", ["Query", "BatchWriteItem", "PutItem"])
@pytest.mark.parametrize("lost", [time_out, time_out_after_doing_it])
async def test_an_erasure_interrupted_anywhere_takes_nothing_until_asking_again_finishes_it(
    client: DynamoClient, step: str, lost: Fault
) -> None:
    client.monotonic = stopwatch = Stopwatch()
    store = dynamo_store(client)
    await store.recorder.record(bought(RECENT, LATE))
    before = [None] * (step == "PutItem")  # the first put is the beginning, not a step of it
    with injected(client, step, *before, taking(stopwatch, 99, lost)):
        erased = await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    assert not erased.complete
    finished = step == "PutItem" and lost is time_out_after_doing_it
    record = await store.records.of(CUSTOMER)
    assert record.suppressed_until == (UNTIL if finished else UNFINISHED)
    store.clock.now = UNTIL - 1 if finished else UNTIL + 1_000 * DAY
    assert await store.recorder.record(bought(RECENT)) == [Recording.ERASED]
    assert not await store.rebuilder.rebuild(CUSTOMER)
    assert not record.recent
    erased = await store.eraser.erase(CUSTOMER, suppressed_until=store.clock.now + DAY)
    assert erased.complete
    await assert_nothing_is_left(store)


async def test_what_asking_again_cannot_mend_is_an_error(client: DynamoClient) -> None:
    store = dynamo_store(client)
    await store.recorder.record(bought(RECENT))
    for step in ("PutItem", "BatchWriteItem"):
        with (
            injected(client, step, error("AccessDeniedException")),
            pytest.raises(StoreUnavailable, match="AccessDenied"),
        ):
            await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)


async def test_verify_names_an_erasure_that_is_unfinished(client: DynamoClient) -> None:
    client.monotonic = stopwatch = Stopwatch()
    store = dynamo_store(client)
    verify = VerifyRecent(
        history=store.history,
        recent=store.recent,
        clock=store.clock,
        feature_sets=[each.in_currency(USD) for each in built_in_sets().values()],
    )
    await store.recorder.record(bought(RECENT, 2))
    with injected(client, "BatchWriteItem", taking(stopwatch, 99, time_out)):
        await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    (difference,) = await verify([CUSTOMER])
    assert re.search(r"\b2 ", difference.what)
    await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    assert await verify([CUSTOMER]) == []


FAULTS: list[Fault | None] = [
    None,
    time_out,
    time_out_after_doing_it,
    error("ThrottlingException"),
    error("InternalServerError", 500),
]
some_faults = st.lists(st.sampled_from(FAULTS), max_size=3)


@QUIET
@given(
    ages=st.lists(st.sampled_from([0, 1, 31, 32, 33, 200]), min_size=1, max_size=6),
    cancelling=st.sets(st.integers(0, 5)),
    seed=st.integers(0, 2**32),
    faults=st.fixed_dictionaries(
        dict.fromkeys(
            ("TransactWriteItems", "PutItem", "Query", "BatchWriteItem", "UpdateItem"), some_faults
        )
    ),
)
async def test_any_race_with_any_faults_leaves_nothing_of_the_customer(
    client: DynamoClient,
    ages: list[int],
    cancelling: set[int],
    seed: int,
    faults: dict[str, list[Fault | None]],
) -> None:
    customer, store, chance = str(uuid.uuid4()), dynamo_store(client), random.Random(seed)
    purchases = bought(*ages, customer_id=customer)
    await store.recorder.record(chance.sample(purchases, chance.randint(0, len(purchases))))
    calls: list[Coroutine[Any, Any, object]] = [store.recorder.record([p]) for p in purchases]
    calls += [store.canceller.cancel(customer, f"p{number:03d}") for number in cancelling]
    calls += [store.rebuilder.rebuild(customer), store.rebuilder.rebuild(customer)]
    calls.append(store.eraser.erase(customer, suppressed_until=UNTIL))
    chance.shuffle(calls)
    with ExitStack() as stack:
        for operation, of_it in faults.items():
            stack.enter_context(injected(client, operation, *of_it, all_met=False))
        await asyncio.gather(*calls)
    await assert_nothing_is_left(store, customer)
    assert (await store.records.of(customer)).suppressed_until == UNTIL


@dataclass
class Model:
    """What a customer should have, in the fewest words."""

    stored: dict[str, bool] = field(default_factory=dict)
    """By purchase id: recorded, or else cancelled."""
    suppressed_until: int = 0

    def record(self, purchase_id: str, now: int) -> str:
        if now < self.suppressed_until:
            return "erased"
        if purchase_id in self.stored:
            return "duplicate" if self.stored[purchase_id] else "cancelled"
        self.stored[purchase_id] = True
        return "recorded"

    def cancel(self, purchase_id: str, now: int) -> str:
        if now < self.suppressed_until:
            return "erased"
        known = self.stored.get(purchase_id)
        self.stored[purchase_id] = False
        return "already_cancelled" if known is False else "cancelled"


steps = st.lists(
    st.tuples(st.sampled_from(["record", "cancel", "erase", "rebuild", "wait"]), st.integers(0, 3)),
    max_size=16,
)


@pytest.mark.parametrize("kind", ["memory", "engine"])
@QUIET
@given(steps=steps)
async def test_any_order_of_calls_ends_as_told(
    client: DynamoClient, kind: str, steps: list[tuple[str, int]]
) -> None:
    make: dict[str, Callable[[], Store]] = {
        "memory": memory_store,
        "engine": lambda: dynamo_store(client),
    }
    store, model, customer = make[kind](), Model(), str(uuid.uuid4())
    purchases = bought(0, 1, 33, 200, customer_id=customer)
    for step, number in steps:
        now, purchase = store.clock.now, purchases[number]
        if step == "record":
            (outcome,) = await store.recorder.record([purchase])
            assert outcome == model.record(purchase.purchase_id, now)
        elif step == "cancel":
            cancelling = await store.canceller.cancel(customer, purchase.purchase_id)
            assert cancelling == model.cancel(purchase.purchase_id, now)
        elif step == "erase":
            erased = await store.eraser.erase(customer, suppressed_until=now + 2 * DAY)
            assert erased.complete
            assert erased.purchases == sum(model.stored.values())
            model = Model(suppressed_until=now + 2 * DAY)
        elif step == "rebuild":
            await store.rebuilder.rebuild(customer)
        else:
            store.clock.now += number * DAY
    record = await store.records.of(customer)
    assert {p.purchase_id for p in record.purchases} == {
        name for name, recorded in model.stored.items() if recorded
    }
    assert set(record.cancelled) == {name for name, there in model.stored.items() if not there}
    assert set(record.recent) <= set(record.purchases)

"""Writes under faults at the wire: nothing lost, nothing counted twice."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.dynamodb import DynamoCategoryIndex, DynamoClient
from adapters.dynamodb.categories.listed import TRUST_S, KnownCategories
from adapters.dynamodb.categories.sketch import KEPT, Sketch, hash_of
from adapters.dynamodb.schema import day_capacity
from domain.errors import StoreUnavailable
from domain.purchases import Purchase, Recording, Refund, Refunding
from domain.values import day_of
from tests.builders import DAY, NOW, a_purchase
from tests.contracts.conftest import RETENTION, Store, dynamo_store, in_full, recent_of, settled
from tests.integration.faults import (
    Fault,
    Stopwatch,
    cancelled,
    error,
    injected,
    taking,
    time_out,
    time_out_after_doing_it,
)
from tests.profiles import examples

pytestmark = pytest.mark.anyio

TRANSIENT: dict[str, Fault] = {
    "throttled": error("ProvisionedThroughputExceededException"),
    "throttled on demand": error("ThrottlingException"),
    "server error": error("InternalServerError", 500),
    "in conflict with another transaction": cancelled("TransactionConflict", "None"),
    "throttled inside the transaction": cancelled("None", "ThrottlingError"),
    "never arrived": time_out,
}


async def stored(client: DynamoClient, customer_id: str) -> tuple[list[Purchase], list[Purchase]]:
    """What both tables hold of a customer."""
    store = dynamo_store(client)
    truth = await store.history.between(customer_id, after=0, until=NOW)
    (recent,) = await recent_of(store, customer_id)
    return list(truth), in_full(recent.purchases, truth)


async def customers_of(store: Store) -> dict[str, int]:
    """How many customers each category lists."""
    return {category: size.customers for category, size in (await store.index.categories()).items()}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
async def test_a_passing_fault_is_retried_until_the_purchase_is_recorded(
    client: DynamoClient, fault: Fault
) -> None:
    purchase = a_purchase(purchased_at=NOW - 1)
    with injected(client, "TransactWriteItems", fault, fault) as sent:
        outcome = await dynamo_store(client).recorder.record([purchase])
    assert outcome == [Recording.RECORDED]
    assert sent.count("TransactWriteItems") == 3
    assert await stored(client, purchase.customer_id) == ([purchase], [purchase])


async def test_a_time_out_after_the_write_happened_shows_up_as_a_duplicate(
    client: DynamoClient,
) -> None:
    purchase = a_purchase(purchased_at=NOW - 1)
    with injected(client, "TransactWriteItems", time_out_after_doing_it):
        outcome = await dynamo_store(client).recorder.record([purchase])
    assert outcome == [Recording.DUPLICATE]
    assert await stored(client, purchase.customer_id) == ([purchase], [purchase])


async def test_faults_beyond_the_deadline_are_reported_and_sending_again_is_safe(
    client: DynamoClient,
) -> None:
    client.monotonic = Stopwatch()
    purchase = a_purchase(purchased_at=NOW - 1)
    recorder = dynamo_store(client).recorder
    with (
        injected(
            client, "TransactWriteItems", taking(client.monotonic, 99, time_out_after_doing_it)
        ),
        pytest.raises(StoreUnavailable, match="ReadTimeoutError"),
    ):
        await recorder.record([purchase])
    assert await recorder.record([purchase]) == [Recording.DUPLICATE]
    assert await stored(client, purchase.customer_id) == ([purchase], [purchase])


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
async def test_what_retrying_cannot_mend_is_reported_at_once_with_advice(
    client: DynamoClient, code: str
) -> None:
    with (
        injected(client, "TransactWriteItems", error(code)) as sent,
        pytest.raises(StoreUnavailable, match=f"{code}|propensity tables create"),
    ):
        await dynamo_store(client).recorder.record([a_purchase(purchased_at=NOW)])
    assert sent.count("TransactWriteItems") == 1


@pytest.mark.parametrize(
    "fault",
    [error("ThrottlingException"), time_out, time_out_after_doing_it],
    ids=["throttled", "never arrived", "answer lost"],
)
async def test_a_category_lists_and_counts_a_customer_whatever_the_write_meets(
    client: DynamoClient, fault: Fault
) -> None:
    store = await settled(dynamo_store(client))
    with injected(client, "UpdateItem", fault, fault) as sent:
        await store.recorder.record([a_purchase(purchased_at=NOW)])
    assert sent == ["GetItem", *["UpdateItem"] * 3, "TransactWriteItems"]
    assert await customers_of(store) == {a_purchase().category: 1}


async def test_a_purchase_is_not_recorded_before_its_category_is(client: DynamoClient) -> None:
    store = await settled(dynamo_store(client))
    purchase = a_purchase(purchased_at=NOW)
    with (
        injected(client, "UpdateItem", error("AccessDeniedException")) as sent,
        pytest.raises(StoreUnavailable, match="AccessDenied"),
    ):
        await store.recorder.record([purchase])
    assert sent == ["GetItem", "UpdateItem"]
    assert await store.recorder.record([purchase]) == [Recording.RECORDED]
    assert await customers_of(store) == {purchase.category: 1}


async def test_a_category_whose_customers_are_known_is_not_written_again(
    client: DynamoClient,
) -> None:
    store = await settled(dynamo_store(client))
    with injected(client, "UpdateItem") as sent:
        for n in range(3):
            await store.recorder.record([a_purchase(purchase_id=f"p{n}", purchased_at=NOW)])
    assert sent.count("GetItem") == sent.count("UpdateItem") == 1


async def test_a_new_process_reads_a_category_and_writes_it_only_for_customers_that_it_lacks(
    client: DynamoClient,
) -> None:
    store = await settled(dynamo_store(client))
    await store.recorder.record([a_purchase(purchased_at=NOW)])
    other = await settled(dynamo_store(client))
    with injected(client, "") as sent:
        await other.recorder.record([a_purchase(purchase_id="next", purchased_at=NOW)])
    assert sent == ["GetItem", "TransactWriteItems"]
    new = a_purchase(customer_id="new", purchased_at=NOW)
    with injected(client, "") as sent:
        await other.recorder.record([new])
    assert sent == ["UpdateItem", "TransactWriteItems"]
    assert await customers_of(store) == {new.category: 2}


async def test_a_write_that_cannot_be_marked_is_not_made(client: DynamoClient) -> None:
    store = dynamo_store(client)
    purchase = a_purchase(purchased_at=NOW)
    with injected(client, "UpdateItem", *[error("AccessDeniedException")] * 3) as sent:
        for call in (
            store.recorder.record([purchase]),
            store.canceller.cancel(purchase.customer_id, purchase.purchase_id),
            store.rebuilder.rebuild(purchase.customer_id),
        ):
            with pytest.raises(StoreUnavailable, match="AccessDenied"):
                await call
    assert sent == ["UpdateItem"] * 3


async def test_two_writers_at_once_count_as_one_would_and_store_no_more_than_they_need(
    client: DynamoClient,
) -> None:
    customers = [f"customer-{n}" for n in range(4_000)]
    writers = [KnownCategories(client, shards=1) for _ in range(2)]
    halves = customers[:2_500], customers[1_500:]
    slots = asyncio.Semaphore(50)

    async def add(writer: KnownCategories, customer: str) -> None:
        async with slots:
            await writer.add([("books", customer)], client.write_deadline())

    with injected(client, "UpdateItem") as sent:
        await asyncio.gather(
            *(add(w, c) for w, half in zip(writers, halves, strict=True) for c in half)
        )
    counted = Sketch.of(map(hash_of, customers)).customers
    listed = await DynamoCategoryIndex(client, shards=1).categories()
    assert {category: size.customers for category, size in listed.items()} == {"books": counted}
    assert counted == pytest.approx(4_000, rel=0.25)
    assert len(sent) < 1_500
    item = client.connection.get_item(client.categories.Meta.table_name, "books")["Item"]
    assert KEPT <= len(item["smallest"]["SS"]) <= 2 * KEPT


async def test_calls_that_wait_for_one_customer_share_a_transaction(client: DynamoClient) -> None:
    recorder = dynamo_store(client).recorder
    purchases = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - 9 + n) for n in range(8)]
    await recorder.record([a_purchase(purchase_id="known", purchased_at=NOW - 10)])
    with injected(client, "TransactWriteItems", None, time_out_after_doing_it) as sent:
        found = await asyncio.gather(*(recorder.record([each]) for each in purchases))
    # The answer to the shared one was lost, and its repetition finds them all.
    assert found == [[Recording.RECORDED], *[[Recording.DUPLICATE]] * 7]
    assert sent == ["TransactWriteItems"] * 3
    _, recent = await stored(client, purchases[0].customer_id)
    assert recent[1:] == purchases


@pytest.fixture
async def bulk(client: DynamoClient) -> Store:
    """A store whose recorder writes up to ten customers in a transaction, and lists 25 already."""
    client.options = replace(client.options, customers_together=10)
    store = dynamo_store(client)
    await side_by_side(store, [replace(p, purchased_at=NOW - DAY) for p in of_customers(25, "old")])
    return store


def of_customers(count: int, purchase_id: str) -> list[Purchase]:
    """A purchase of each of so many."""
    return [
        a_purchase(customer_id=f"c{n}", purchase_id=purchase_id, purchased_at=NOW - 1)
        for n in range(count)
    ]


async def side_by_side(store: Store, purchases: Sequence[Purchase]) -> list[Recording]:
    """The outcome of each, all sent at once."""
    found = await asyncio.gather(*(store.recorder.record([each]) for each in purchases))
    return [recording for (recording,) in found]


async def test_customers_of_a_bulk_share_a_transaction(client: DynamoClient, bulk: Store) -> None:
    purchases = of_customers(25, "new")
    with injected(client, "TransactWriteItems") as sent:
        assert await side_by_side(bulk, purchases) == [Recording.RECORDED] * 25
    assert sent.count("TransactWriteItems") == 3
    for purchase in purchases:
        truth, recent = await stored(client, purchase.customer_id)
        assert purchase in truth
        assert truth == recent


async def test_in_a_bulk_each_has_its_own_outcome(client: DynamoClient, bulk: Store) -> None:
    purchases = of_customers(6, "new")
    await side_by_side(bulk, purchases[1:3])
    await bulk.eraser.erase("c3", suppressed_until=NOW + DAY)
    purchases[2] = replace(purchases[2], amount_minor=1)
    older = a_purchase(customer_id="c5", purchase_id="older", purchased_at=NOW - 9 * DAY)
    await bulk.recorder.record([purchases[5]])
    found = await side_by_side(bulk, [*purchases[:5], older])
    assert found == [
        Recording.RECORDED,
        Recording.DUPLICATE,
        Recording.CONFLICT,
        Recording.ERASED,
        Recording.RECORDED,
        Recording.RECORDED,
    ]
    for customer in ("c0", "c1", "c2", "c4", "c5"):
        truth, recent = await stored(client, customer)
        assert truth == recent


async def test_what_is_wrong_with_one_of_a_bulk_is_not_told_of_the_others(
    client: DynamoClient, bulk: Store
) -> None:
    full = cancelled("None", "None", "ItemCollectionSizeLimitExceeded", "None", "None", "None")
    with injected(client, "TransactWriteItems", full):
        calls = (bulk.recorder.record([each]) for each in of_customers(3, "new"))
        found = await asyncio.gather(*calls, return_exceptions=True)
    assert found[::2] == [[Recording.RECORDED]] * 2
    assert isinstance(found[1], StoreUnavailable)
    assert "10 GB" in str(found[1])


async def test_where_nobody_says_who_of_a_bulk_is_wrong_each_is_tried_alone(
    client: DynamoClient, bulk: Store
) -> None:
    with injected(client, "TransactWriteItems", error("ValidationException")) as sent:
        found = await side_by_side(bulk, of_customers(4, "new"))
    assert found == [Recording.RECORDED] * 4
    assert sent.count("TransactWriteItems") == 5


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(
        st.sampled_from([None, time_out, time_out_after_doing_it, error("ThrottlingException")]),
        max_size=6,
    ),
    sent=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12),
)
async def test_any_faults_of_a_bulk_lose_nothing_and_double_nothing(
    client: DynamoClient, faults: list[Fault | None], sent: list[tuple[int, int]]
) -> None:
    client.options = replace(client.options, customers_together=10)
    example, store = uuid.uuid4(), dynamo_store(client)
    purchases = [
        a_purchase(
            customer_id=f"{example}-{who}", purchase_id=f"p{number}", purchased_at=NOW - number
        )
        for who, number in sent
    ]
    with injected(client, "TransactWriteItems", *faults, all_met=False):
        found = await side_by_side(store, purchases)
    assert set(found) <= {Recording.RECORDED, Recording.DUPLICATE}
    for customer in {purchase.customer_id for purchase in purchases}:
        expected = {p for p in purchases if p.customer_id == customer}
        truth, recent = await stored(client, customer)
        assert truth == recent == sorted(expected, key=lambda p: p.purchased_at)


async def test_a_cancelled_transaction_names_its_reasons_once_each(client: DynamoClient) -> None:
    fault = cancelled("ItemCollectionSizeLimitExceeded", "None", "ItemCollectionSizeLimitExceeded")
    with (
        injected(client, "TransactWriteItems", fault) as sent,
        pytest.raises(StoreUnavailable, match=r"\(ItemCollectionSizeLimitExceeded\): .*10 GB"),
    ):
        await dynamo_store(client).recorder.record([a_purchase(purchased_at=NOW)])
    assert sent.count("TransactWriteItems") == 1


async def test_a_stored_row_that_is_no_purchase_is_a_conflict_and_the_others_are_recorded(
    client: DynamoClient,
) -> None:
    good, spoilt = (a_purchase(purchase_id=name, purchased_at=NOW) for name in ("good", "spoilt"))
    client.connection.put_item(
        client.purchases.Meta.table_name, spoilt.customer_id, range_key=spoilt.purchase_id
    )
    outcomes = await dynamo_store(client).recorder.record([spoilt, good])
    assert outcomes == [Recording.CONFLICT, Recording.RECORDED]
    assert await stored(client, good.customer_id) == ([good], [good])


async def test_where_the_engine_does_not_say_what_is_stored_it_is_read(
    client: DynamoClient,
) -> None:
    store = dynamo_store(client)
    days = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - n * DAY) for n in range(2)]
    refused = cancelled("None", "None", "ConditionalCheckFailed")
    with injected(client, "TransactWriteItems", refused):
        assert await store.recorder.record(days) == [Recording.RECORDED] * 2
    (recent,) = await recent_of(store, days[0].customer_id)
    assert list(recent.purchases) == days[::-1]
    assert recent.overflow_days == frozenset()


async def test_a_category_that_disappeared_is_listed_again_when_trust_in_it_ends(
    client: DynamoClient,
) -> None:
    client.monotonic = stopwatch = Stopwatch()
    store = dynamo_store(client)
    first, second, third = (a_purchase(purchase_id=f"p{n}", purchased_at=NOW) for n in range(3))
    await store.recorder.record([first])
    client.connection.delete_item(client.categories.Meta.table_name, first.category)
    stopwatch.now = TRUST_S - 1
    with injected(client, "UpdateItem") as sent:
        await store.recorder.record([second])
    assert "UpdateItem" not in sent
    stopwatch.now = TRUST_S
    await store.recorder.record([third])
    assert await customers_of(store) == {first.category: 1}


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(
        st.sampled_from([None, time_out, time_out_after_doing_it, *TRANSIENT.values()]), max_size=5
    ),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
async def test_any_faults_in_any_order_lose_nothing_and_double_nothing(
    client: DynamoClient, faults: list[Fault | None], sizes: list[int]
) -> None:
    customer = str(uuid.uuid4())  # every example starts with an empty history
    recorder = dynamo_store(client).recorder
    purchases = [
        a_purchase(
            customer_id=customer, purchase_id=f"{call}-{n}", purchased_at=NOW - call * 10 - n
        )
        for call, size in enumerate(sizes)
        for n in range(size)
    ]
    with injected(client, "TransactWriteItems", *faults, all_met=False):
        for call in range(len(sizes)):
            await recorder.record([p for p in purchases if p.purchase_id.startswith(f"{call}-")])
    expected = sorted(purchases, key=lambda p: p.purchased_at)
    assert await stored(client, customer) == (expected, expected)


@pytest.mark.parametrize("came", [True, False], ids=["purchase there", "purchase to come"])
@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        (error("ThrottlingException"), (Refunding.RECORDED, Refunding.WAITING)),
        (cancelled("None", "TransactionConflict"), (Refunding.RECORDED, Refunding.WAITING)),
        (time_out, (Refunding.RECORDED, Refunding.WAITING)),
        (time_out_after_doing_it, (Refunding.DUPLICATE, Refunding.DUPLICATE)),
    ],
    ids=["throttled", "conflict", "never arrived", "answer lost"],
)
async def test_a_refund_is_there_once_whatever_its_write_meets(
    client: DynamoClient, fault: Fault, outcomes: tuple[Refunding, Refunding], *, came: bool
) -> None:
    store, refund = await settled(dynamo_store(client)), Refund(NOW - 1, "r-1", 5)
    purchase = a_purchase(purchased_at=NOW - 2)
    ids = (purchase.customer_id, purchase.purchase_id)
    if came:
        await store.recorder.record([purchase])
    with injected(client, "TransactWriteItems", fault):
        assert await store.refunder.refund(*ids, refund, dated=True) is outcomes[not came]
    if not came:
        await store.recorder.record([purchase])
    due = [replace(purchase, refunds=(refund,))]
    assert await stored(client, purchase.customer_id) == (due, due)


async def test_a_refund_beyond_the_deadline_is_reported_and_sending_it_again_is_safe(
    client: DynamoClient,
) -> None:
    client.monotonic = Stopwatch()
    store, refund = await settled(dynamo_store(client)), Refund(NOW - 1, "r-1", 5)
    purchase = a_purchase(purchased_at=NOW - 2)
    ids = (purchase.customer_id, purchase.purchase_id)
    await store.recorder.record([purchase])
    lost = taking(client.monotonic, 99, time_out_after_doing_it)
    with injected(client, "TransactWriteItems", lost), pytest.raises(StoreUnavailable):
        await store.refunder.refund(*ids, refund, dated=True)
    assert await store.refunder.refund(*ids, refund, dated=True) is Refunding.DUPLICATE
    due = [replace(purchase, refunds=(refund,))]
    assert await stored(client, purchase.customer_id) == (due, due)


async def test_a_refund_on_a_crowded_day_is_read_by_time(client: DynamoClient) -> None:
    store, retention = await settled(dynamo_store(client)), RETENTION
    count = day_capacity(retention.days)
    purchases = [a_purchase(purchase_id=f"p{n:03d}", purchased_at=NOW - n) for n in range(count)]
    await store.recorder.record(purchases)
    refund = Refund(NOW, "r-1", 5)
    answer = await store.refunder.refund("customer-1", "p000", refund, dated=True)
    assert answer is Refunding.RECORDED
    (recent,) = await recent_of(store, "customer-1")
    assert recent.overflow_days == {day_of(NOW)}
    (read,) = await store.history.between("customer-1", after=NOW - 1, until=NOW)
    assert read.refunds == (refund,)

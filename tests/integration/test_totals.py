"""The totals of a customer's life in the recent item: exact whatever comes in which order."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.dynamodb import DynamoClient, RetentionMarks
from adapters.dynamodb.recent.marks import LAYOUT, MARKS
from adapters.dynamodb.recent.writing import LAG_DAYS
from domain.cost import metered
from domain.errors import TablesDiffer
from domain.purchases import Cancelling, Lifetime, Purchase, Recording, Refund, Refunding
from tests.builders import DAY, NOW, a_purchase
from tests.contracts.conftest import RETENTION, Store, dynamo_store, recent_of, settled
from tests.integration.faults import injected

pytestmark = pytest.mark.anyio
CUSTOMER = a_purchase().customer_id


def bought(age: int, *, category: str = "grocery", amount_minor: int = 1_000) -> Purchase:
    """A purchase of so many days ago."""
    return a_purchase(
        purchase_id=f"p{age}",
        purchased_at=NOW - age * DAY,
        category=category,
        amount_minor=amount_minor,
    )


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    return await settled(dynamo_store(client))


async def totals(store: Store) -> Lifetime:
    """Those of the item, which are those of the truth."""
    (recent,) = await recent_of(store, CUSTOMER)
    assert recent.lifetime is not None
    truth = await store.history.between(CUSTOMER, after=-1, until=store.clock.now + DAY)
    due = Lifetime.of(truth)
    found = replace(recent.lifetime, categories=recent.lifetime.bought)
    until = max(due.refunded_until, found.refunded_until)
    assert found == replace(due, categories=due.bought, refunded_until=until)
    return found


@pytest.mark.parametrize("ages", [(900, 50, 3), (3, 50, 900), (50, 900, 3), (900, 3, 50)])
async def test_they_are_right_in_whatever_order_purchases_come(
    store: Store, ages: tuple[int, ...]
) -> None:
    for age in ages:
        assert await store.recorder.record([bought(age)]) == [Recording.RECORDED]
        await totals(store)
    assert await store.recorder.record([bought(age) for age in ages]) == [Recording.DUPLICATE] * 3
    assert (await totals(store)).purchases == 3
    assert not await store.rebuilder.rebuild(CUSTOMER)


async def test_a_purchase_in_order_takes_one_transaction_and_one_out_of_order_two(
    store: Store, client: DynamoClient
) -> None:
    await store.recorder.record([bought(50)])
    for age, transactions in ((40, 1), (30, 1), (35, 2), (900, 2), (1, 1)):
        with injected(client, "TransactWriteItems") as sent:
            await store.recorder.record([bought(age)])
        assert sent.count("TransactWriteItems") == transactions
        assert set(sent) == {"TransactWriteItems"}
    await totals(store)


async def test_a_purchase_costs_no_more_units_than_without_totals(store: Store) -> None:
    await store.recorder.record([bought(50)])
    with metered() as cost:
        await store.recorder.record([bought(40)])
    # Two for the purchase and two for the recent item, and one for each of two indexes.
    assert (cost.writes.total, cost.reads.total) == (6.0, 0.0)


@pytest.mark.parametrize("age", [900, 50, 3])
@pytest.mark.parametrize("act", ["cancel", "refund", "refund in part"])
async def test_the_first_and_the_last_are_found_again(store: Store, act: str, age: int) -> None:
    for each in (900, 50, 3):
        await store.recorder.record([bought(each)])
    if act == "cancel":
        assert await store.canceller.cancel(CUSTOMER, f"p{age}") is Cancelling.CANCELLED
    else:
        refund = Refund(NOW - DAY, "r", 1_000 if act == "refund" else 1)
        outcome = await store.refunder.refund(CUSTOMER, f"p{age}", refund, dated=True)
        assert outcome is Refunding.RECORDED
    assert (await totals(store)).purchases == (3 if act == "refund in part" else 2)
    await store.recorder.record([bought(20)])
    await totals(store)
    assert not await store.rebuilder.rebuild(CUSTOMER)


async def test_refunds_in_any_order_leave_the_latest_instant(store: Store) -> None:
    await store.recorder.record([bought(50), bought(40)])
    for purchase, age in (("p50", 5), ("p40", 9), ("p50", 2)):
        refund = Refund(NOW - age * DAY, f"r{age}", 1)
        await store.refunder.refund(CUSTOMER, purchase, refund, dated=True)
        await totals(store)
    assert (await totals(store)).refunded_until == NOW - 2 * DAY


async def test_refunds_that_came_first_count_with_their_purchase(store: Store) -> None:
    for purchase, amount in (("p50", 1_000), ("p40", 300)):
        refund = Refund(NOW - DAY, "r", amount)
        outcome = await store.refunder.refund(CUSTOMER, purchase, refund, dated=True)
        assert outcome is Refunding.WAITING
    await store.recorder.record([bought(50, category="shoes"), bought(40)])
    found = await totals(store)
    assert (found.purchases, found.volume_minor, found.first_at) == (1, 700, NOW - 40 * DAY)


@pytest.mark.parametrize("category", ["a.b", "a[0]", "100%", "%41", "c:d", "Bücher & mehr", "#"])
async def test_a_category_of_any_name_is_counted(store: Store, category: str) -> None:
    await store.recorder.record([bought(5, category=category), bought(4, category=category)])
    assert (await totals(store)).categories == {category: 2}
    batches = [
        batch async for batch in store.recent.scan(segment=0, segments=1, bought_in=category)
    ]
    assert [each.customer_id for batch in batches for each in batch.histories] == [CUSTOMER]
    assert all(batch.left_out for batch in batches)


async def test_who_returns_after_years_leaves_no_old_days_behind(store: Store) -> None:
    for age in (2_000, 1_990, 1_000):
        store.clock.now = NOW - age * DAY
        await store.recorder.record([bought(age)])
    store.clock.now = NOW
    await store.recorder.record([bought(0)])
    (recent,) = await recent_of(store, CUSTOMER)
    assert [each.purchase_id for each in recent.purchases] == ["p0"]
    assert (await totals(store)).purchases == 4


async def test_a_write_within_the_lag_needs_no_second_try(
    store: Store, client: DynamoClient
) -> None:
    longest = RETENTION.days + LAG_DAYS
    store.clock.now = NOW - longest * DAY
    await store.recorder.record([bought(longest)])
    store.clock.now = NOW
    with injected(client, "TransactWriteItems") as sent:
        await store.recorder.record([bought(0)])
    assert sent.count("TransactWriteItems") == 1
    (recent,) = await recent_of(store, CUSTOMER)
    assert [each.purchase_id for each in recent.purchases] == ["p0"]


async def test_everything_of_an_erased_customer_is_new_again(store: Store) -> None:
    await store.recorder.record([bought(50), bought(40)])
    await store.eraser.erase(CUSTOMER, suppressed_until=NOW + DAY)
    (recent,) = await recent_of(store, CUSTOMER)
    assert recent.lifetime == Lifetime()
    store.clock.now = NOW + 2 * DAY
    await store.recorder.record([bought(0)])
    assert (await totals(store)).purchases == 1


def older(client: DynamoClient, layout: str | None) -> None:
    """The marks say another layout, or none, as those before it did."""
    item: dict[str, Any] = {"customer_id": {"S": MARKS}, "k32": {"N": str(NOW)}}
    if layout is not None:
        item["layout"] = {"S": layout}
    client.connection.client.put_item(TableName=client.recent.Meta.table_name, Item=item)


@pytest.mark.parametrize(
    ("layout", "way_out"), [(None, "rebuild"), ("1", "rebuild"), ("9", "newer"), ("10", "newer")]
)
async def test_a_store_of_another_layout_is_refused_by_name(
    client: DynamoClient, layout: str | None, way_out: str
) -> None:
    older(client, layout)
    store = dynamo_store(client)
    with pytest.raises(TablesDiffer, match=way_out) as written:
        await store.recorder.record([bought(3)])
    with pytest.raises(TablesDiffer, match=way_out):
        await store.recent.one(CUSTOMER)
    assert f"must be {LAYOUT}" in str(written.value)
    with pytest.raises(TablesDiffer, match=way_out):
        await store.health.check()


async def test_a_rebuild_makes_the_layout_ours(client: DynamoClient) -> None:
    before = dynamo_store(client)
    await before.recorder.record([bought(900), bought(3)])
    table = client.recent.Meta.table_name
    client.connection.client.update_item(
        TableName=table,
        Key={"customer_id": {"S": CUSTOMER}},
        UpdateExpression="REMOVE n, v, f, #l, #c",
        ExpressionAttributeNames={"#c": "c:grocery", "#l": "l"},
    )
    older(client, None)
    store = dynamo_store(client)
    assert await store.rebuilder.rebuild(CUSTOMER)
    assert await store.rebuilder.finish(began_at=NOW + DAY) == {}
    assert (await totals(dynamo_store(client))).purchases == 2
    await RetentionMarks(client, clock=store.clock, retention=RETENTION).read(
        client.read_deadline()
    )

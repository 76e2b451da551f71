"""The bill's sizes and units are those that the adapters store, and are charged for."""

from math import ceil
from typing import Any
from uuid import UUID

import pytest

from adapters.dynamodb import DynamoClient
from adapters.dynamodb.categories import KnownCategories, listed, sketch
from adapters.dynamodb.schema.attributes import day_capacity, encode_hash
from adapters.dynamodb.wire.capacity import item_bytes
from api.composition.application import CATEGORY_SHARDS
from domain.bill import Sizes
from domain.bill.month import LIST_TRUST_S, SHARDS
from domain.bill.sizes import HASH_BYTES, LISTED_HASHES, purchases_held_a_day
from domain.cost import BYTES_PER_UNIT, BYTES_PER_WRITE_UNIT, Cost, metered
from domain.purchases import Purchase, Recording
from domain.values import MICROS_PER_DAY
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, dynamo_store, settled

pytestmark = pytest.mark.anyio
SIZES = Sizes()
CATEGORIES = ["c" * SIZES.category, "d" * SIZES.category]
PURCHASE_UNITS = 4
"""Two for the item in a transaction, and one for each entry of the two indexes."""
A_DAY = 5


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    return await settled(dynamo_store(client))


def a_purchase_of_the_bill(number: int, customer: str, *, of: int) -> Purchase:
    """One of `of` purchases, a few a day, the last one today; ids and amount as long as the bill's."""
    days_ago = (of - 1 - number) // A_DAY
    return a_purchase(
        customer_id=customer,
        purchase_id=str(UUID(int=number)),
        purchased_at=NOW - days_ago * MICROS_PER_DAY - MICROS_PER_DAY // 3 + number,
        category=CATEGORIES[number % 2],
        amount_minor=4_999,
    )


async def record(store: Store, count: int, customer: str) -> Cost:
    """Records so many, one a call; the cost of the last."""
    costs: list[Cost] = []
    for number in range(count):
        purchase = a_purchase_of_the_bill(number, customer, of=count)
        with metered() as cost:
            assert await store.recorder.record([purchase]) == [Recording.RECORDED]
        costs.append(cost)
    return costs[-1]


async def test_sizes_are_those_of_stored_items_and_index_entries(
    client: DynamoClient, store: Store
) -> None:
    customer = str(UUID(int=7))
    await record(store, 30, customer)
    purchases = await items(client, client.purchases.Meta.table_name, customer)
    assert {item_bytes(item) for item in purchases} == {SIZES.purchase}
    by_time = await items(client, client.purchases.Meta.table_name, customer, index="by_time")
    assert {item_bytes(item) for item in by_time} == {SIZES.by_time}
    keys = {"category_shard", "customer_id", "purchase_id"}
    entry = {name: value for name, value in purchases[0].items() if name in keys}
    assert item_bytes(entry) == SIZES.by_category
    (recent,) = await items(client, client.recent.Meta.table_name, customer)
    expected = SIZES.recent(purchases=30, days=30 / A_DAY, categories=2)
    assert item_bytes(recent) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("count", [1, 10, 25, 70])
async def test_a_purchase_is_charged_as_the_bill_has_it(store: Store, count: int) -> None:
    cost = await record(store, count, str(UUID(int=8)))
    listing = 1 if count == 1 else 0  # the first one lists its category, in an item of one unit
    size = SIZES.recent(purchases=count, days=ceil(count / A_DAY), categories=min(count, 2))
    units = PURCHASE_UNITS + 2 * ceil(size / BYTES_PER_WRITE_UNIT)
    assert cost.writes.total == units + listing


async def test_an_order_in_one_call_shares_the_write_of_the_recent_item(store: Store) -> None:
    customer = str(UUID(int=10))
    await record(store, 2, customer)  # lists both categories
    order = [a_purchase_of_the_bill(number, customer, of=A_DAY) for number in range(2, A_DAY)]
    with metered() as cost:
        await store.recorder.record(order)
    size = SIZES.recent(purchases=A_DAY, days=1, categories=2)
    units = len(order) * PURCHASE_UNITS + 2 * ceil(size / BYTES_PER_WRITE_UNIT)
    assert cost.writes.total == units


@pytest.mark.parametrize("count", [1, 70])
async def test_a_prediction_and_an_audience_read_as_the_bill_has_it(
    store: Store, count: int
) -> None:
    customer = str(UUID(int=9))
    await record(store, count, customer)
    size = SIZES.recent(purchases=count, days=ceil(count / A_DAY), categories=min(count, 2))
    with metered() as alone:
        await store.recent.one(customer)
    with metered() as in_a_batch:
        await store.recent.read([customer])
    assert in_a_batch.reads.total == ceil(size / BYTES_PER_UNIT)
    assert alone.reads.measured <= ceil(size / BYTES_PER_UNIT)  # ministack knows one unit only


async def test_a_new_writer_reads_a_large_category_and_does_not_write_it(
    client: DynamoClient, store: Store
) -> None:
    customers = 2 * sketch.KEPT
    members = {(CATEGORIES[0], str(UUID(int=number))) for number in range(customers)}
    await KnownCategories(client, shards=SHARDS).add(members, client.write_deadline())
    (item,) = await items(client, client.categories.Meta.table_name, CATEGORIES[0], key="category")
    # So many hashes are the most; the bill takes those in the middle.
    most = SIZES.listed(0) + customers * HASH_BYTES
    assert item_bytes(item) == pytest.approx(most, rel=0.01)
    with metered() as cost:
        await store.recorder.record([a_purchase_of_the_bill(0, str(UUID(int=1)), of=1)])
    assert cost.writes.total == PURCHASE_UNITS + 2
    assert 0 < cost.reads.measured <= ceil(item_bytes(item) / BYTES_PER_UNIT)  # as above


def test_what_the_bill_takes_from_the_adapters_is_theirs() -> None:
    assert LIST_TRUST_S == listed.TRUST_S
    assert len(encode_hash(0)) == HASH_BYTES
    assert sketch.KEPT <= LISTED_HASHES <= 2 * sketch.KEPT
    assert SHARDS == CATEGORY_SHARDS
    assert all(purchases_held_a_day(days) == day_capacity(days) for days in range(1, 100))


async def items(
    client: DynamoClient, table: str, value: str, *, key: str = "customer_id", index: str = ""
) -> list[Any]:
    """The items under a partition key, as they are stored."""
    request: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": f"{key} = :value",
        "ExpressionAttributeValues": {":value": {"S": value}},
    }
    if index:
        request["IndexName"] = index
    answer = await client.call(client.read_deadline(), "Query", request)
    return list(answer["Items"])

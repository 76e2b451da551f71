"""What calls cost at the wire: as DynamoDB reports it, else computed; refused and retried ones too."""

import asyncio
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from adapters.dynamodb import DynamoClient
from domain.cost import Cost, Units, metered
from domain.errors import StoreUnavailable
from domain.purchases import Recording
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, dynamo_store, settled
from tests.integration.faults import (
    Fault,
    answer,
    body,
    cancelled,
    error,
    injected,
    one_item_a_page,
    really,
    time_out,
    with_parameters,
)
from tests.integration.test_read_faults import leave_unread

pytestmark = pytest.mark.anyio

THROTTLED = error("ProvisionedThroughputExceededException")
REPORTED = Units(measured=7.5)


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    return await settled(dynamo_store(client))


def without_costs(request: AWSPreparedRequest) -> AWSResponse:
    """The answer of an engine that does not report consumed capacity."""
    return answer(really(with_parameters(request, ReturnConsumedCapacity="NONE")))


def with_costs(request: AWSPreparedRequest, units: float = 7.5) -> AWSResponse:
    """The answer of an engine that reports so many units, as AWS does for each operation."""
    assert body(request)["ReturnConsumedCapacity"] == "TOTAL"
    document = really(request)
    cost = {"TableName": "any", "CapacityUnits": units}
    several = {"RequestItems", "TransactItems"} & body(request).keys()
    return answer(document | {"ConsumedCapacity": [cost] if several else cost})


def with_no_costs(request: AWSPreparedRequest) -> AWSResponse:
    """The answer of an engine that reports a read as free, as DynamoDB Local does an empty page."""
    return with_costs(request, units=0.0)


async def record_large(store: Store) -> None:
    """Sixty purchases of one customer, of many categories: a recent item of more than 4 KB."""
    for start in range(0, 60, 12):
        await store.recorder.record(
            [
                a_purchase(purchase_id=f"{n:0100d}", purchased_at=NOW - n, customer_id="large")
                for n in range(start, start + 12)
            ]
        )
    client = store.client
    assert client is not None
    client.connection.client.update_item(
        TableName=client.recent.Meta.table_name,
        Key={"customer_id": {"S": "large"}},
        UpdateExpression="SET " + ", ".join(f"#{n} = :one" for n in range(50)),
        ExpressionAttributeNames={f"#{n}": f"c:{n:064d}" for n in range(50)},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


async def cost_of(client: DynamoClient, call: Any, operation: str, *faults: Fault | None) -> Cost:
    """What the call costs where the operation's requests meet these faults."""
    with injected(client, operation, *faults) as sent, metered() as cost:
        await call
    assert cost.round_trips == len(sent)
    return cost


async def scan(store: Store) -> None:
    _ = [batch async for batch in store.recent.scan(segment=0, segments=1)]


# Two for the large item and one for each other; 61 purchases are a page of 8 KB;
# 60 entries as well, but not strongly consistent; 60 purchases of 200 bytes.
COMPUTED = [Units(computed=units) for units in (4.0, 2.0, 1.0, 3.0)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(with_costs, [REPORTED] * 4), (without_costs, COMPUTED), (with_no_costs, COMPUTED)],
    ids=["reported", "not reported", "reported as nothing"],
)
async def test_read_units_are_those_reported_or_else_computed_from_sizes(
    client: DynamoClient, store: Store, fault: Fault, expected: list[Units]
) -> None:
    await record_large(store)
    await store.recorder.record([a_purchase(customer_id="small", purchased_at=NOW)])
    shard = await shard_of(store, "large")
    category = a_purchase().category
    calls: list[tuple[Any, str]] = [
        (store.recent.read(["small", "large", "nobody"]), "BatchGetItem"),
        (scan(store), "Scan"),
        (store.index.page(category, shard=shard, after=None, most=None), "Query"),
        (store.history.between("large", after=0, until=NOW), "Query"),
    ]
    costs = [await cost_of(client, call, operation, fault) for call, operation in calls]
    counted = [Cost(round_trips=1, reads=units) for units in expected]
    # A page also reads the category's item, whose cost the engine reports.
    counted[2].add(Cost(round_trips=1, reads=Units(measured=1.0)))
    assert costs == counted


async def shard_of(store: Store, customer: str) -> int:
    for shard in range(store.index.shards):
        page = await store.index.page(a_purchase().category, shard=shard, after=None, most=None)
        if customer in page.customers:
            return shard
    raise AssertionError(customer)


async def test_write_units_are_those_reported_or_else_computed_from_sizes(
    client: DynamoClient, store: Store
) -> None:
    def purchases(name: str) -> list[Any]:
        return [a_purchase(purchase_id=f"{name}-{n}", purchased_at=NOW - n) for n in range(3)]

    await store.recorder.record([a_purchase(purchased_at=NOW - 9)])  # lists the category
    reported = store.recorder.record(purchases("a"))
    assert (await cost_of(client, reported, "TransactWriteItems", with_costs)).writes == REPORTED
    computed = store.recorder.record(purchases("b"))
    cost = await cost_of(client, computed, "TransactWriteItems", without_costs)
    # Two units for each item of the transaction, and one for each entry of the two indexes.
    assert cost.writes == Units(computed=3 * (2 + 2) + 2)
    # The category is listed before its first purchase: one more write, which the engine reports.
    other = store.recorder.record([a_purchase(purchase_id="c", category="new", purchased_at=NOW)])
    cost = await cost_of(client, other, "UpdateItem", without_costs)
    assert cost.writes == Units(measured=(2 + 2) + 2, computed=1)


async def test_every_page_try_and_refusal_is_a_round_trip(
    client: DynamoClient, store: Store
) -> None:
    await store.recorder.record(
        [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - n) for n in range(3)]
    )
    read = store.history.between(a_purchase().customer_id, after=0, until=NOW)
    faults: list[Fault] = [THROTTLED, one_item_a_page, time_out, one_item_a_page]
    cost = await cost_of(client, read, "Query", *faults)
    assert cost.round_trips == 5
    assert cost.reads == Units(measured=3.0)


async def test_a_key_left_unprocessed_costs_nothing(client: DynamoClient, store: Store) -> None:
    asked = store.recent.read(["a", "b", "c"])
    assert (await cost_of(client, asked, "BatchGetItem", leave_unread(3))).reads.total == 0
    asked = store.recent.read(["a", "b", "c"])
    assert (await cost_of(client, asked, "BatchGetItem", leave_unread(1))).reads.total == 2


async def test_a_call_that_is_given_up_has_been_counted(client: DynamoClient, store: Store) -> None:
    with (
        injected(client, "BatchGetItem", error("AccessDeniedException")),
        metered() as cost,
        pytest.raises(StoreUnavailable),
    ):
        await store.recent.read(["a"])
    assert cost == Cost(round_trips=1)


async def test_a_duplicate_costs_a_transaction_that_its_condition_cancels(store: Store) -> None:
    stored = a_purchase(purchased_at=NOW)
    await store.recorder.record([stored])
    with metered() as cost:
        assert await store.recorder.record([stored]) == [Recording.DUPLICATE]
    # Twice a unit for the purchase, and twice one for the recent item; the indexes stay.
    assert cost == Cost(round_trips=1, writes=Units(computed=4.0))


async def test_a_transaction_in_conflict_is_counted_and_so_is_its_repetition(
    client: DynamoClient, store: Store
) -> None:
    await store.recorder.record([a_purchase(purchased_at=NOW)])
    again = store.recorder.record([a_purchase(purchase_id="other", purchased_at=NOW)])
    conflict = cancelled("TransactionConflict", "None")
    cost = await cost_of(client, again, "TransactWriteItems", conflict, None)
    assert cost == Cost(round_trips=2, refusals=1, writes=Units(measured=6.0))


async def test_requests_side_by_side_are_told_apart(client: DynamoClient, store: Store) -> None:
    async def reads(number: int) -> Cost:
        with metered() as cost:
            for _ in range(number):
                await store.recent.read(["a", "b"])
        return cost

    with injected(client, "") as sent:
        costs = await asyncio.gather(*map(reads, (1, 2, 5)))
    assert [cost.round_trips for cost in costs] == [1, 2, 5]
    assert len(sent) == 8

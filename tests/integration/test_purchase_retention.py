"""Purchases that are not kept for ever, on the engine: what is stored of them, and until when."""

import re
from dataclasses import replace

import pytest

from adapters.dynamodb import DynamoClient, DynamoTables, RetentionMarks
from domain.errors import InvalidRequest, TablesDiffer
from domain.features import Histories, total_purchase_volume_30d
from domain.purchases import CLOCK_SKEW_US, Cancelling, Recording
from domain.retention import PurchaseRetention
from domain.values import MICROS_PER_SECOND, Window
from tests.builders import DAY, NOW, USD, a_purchase
from tests.contracts.conftest import RETENTION, dynamo_store, in_full, recent_of

pytestmark = pytest.mark.anyio
SHORTEST = PurchaseRetention(RETENTION.days + 1)
KEPT_DAYS = RETENTION.days + 1 + 2
"""With the grace of two days."""
PURCHASE = a_purchase(purchased_at=NOW - DAY + 1)
KEY = {"customer_id": {"S": PURCHASE.customer_id}, "purchase_id": {"S": PURCHASE.purchase_id}}


def expiry(client: DynamoClient) -> int | None:
    """When the item of PURCHASE may be dropped, seconds since the epoch."""
    name = client.purchases.Meta.table_name
    item = client.connection.client.get_item(TableName=name, Key=KEY, ConsistentRead=True)["Item"]
    return int(item["expires_at"]["N"]) if "expires_at" in item else None


def seconds(instant: int) -> int:
    return -(-instant // MICROS_PER_SECOND)


async def test_without_a_retention_nothing_expires(client: DynamoClient) -> None:
    store = dynamo_store(client)
    await store.recorder.record([PURCHASE])
    assert expiry(client) is None
    await store.canceller.cancel(PURCHASE.customer_id, PURCHASE.purchase_id)
    assert expiry(client) is None


async def test_a_purchase_and_its_tombstone_expire_when_it_would_not_be_taken_any_more(
    client: DynamoClient,
) -> None:
    store = dynamo_store(client, SHORTEST)
    await store.recorder.record([PURCHASE])
    expected = seconds(PURCHASE.purchased_at + KEPT_DAYS * DAY)
    assert expiry(client) == expected
    await store.canceller.cancel(PURCHASE.customer_id, PURCHASE.purchase_id)
    assert expiry(client) == expected
    assert await store.recorder.record([PURCHASE]) == [Recording.CANCELLED]


async def test_a_longer_retention_holds_for_purchases_from_then_on_and_changes_none_before(
    client: DynamoClient,
) -> None:
    """As the page on raising it says; sending a purchase again does not prolong it."""
    await dynamo_store(client, SHORTEST).recorder.record([PURCHASE])
    before = expiry(client)
    longer = dynamo_store(client, PurchaseRetention(400))
    kept = replace(RETENTION, purchases=PurchaseRetention(400))
    marks = RetentionMarks(client, clock=longer.clock, retention=kept)
    known = await marks.read(client.read_deadline())
    assert known.purchases_shorter == {SHORTEST.days: NOW}  # what `doctor` tells
    assert await longer.recorder.record([PURCHASE]) == [Recording.DUPLICATE]
    assert expiry(client) == before
    later = replace(PURCHASE, purchase_id="later")
    assert await longer.recorder.record([later]) == [Recording.RECORDED]
    key = KEY | {"purchase_id": {"S": "later"}}
    name = client.purchases.Meta.table_name
    item = client.connection.client.get_item(TableName=name, Key=key)["Item"]
    assert int(item["expires_at"]["N"]) == seconds(PURCHASE.purchased_at + (400 + 2) * DAY)


async def test_a_cancellation_that_arrives_first_is_kept_for_its_latest_purchase(
    client: DynamoClient,
) -> None:
    store = dynamo_store(client, SHORTEST)
    cancelling = await store.canceller.cancel(PURCHASE.customer_id, PURCHASE.purchase_id)
    assert cancelling == Cancelling.CANCELLED
    assert expiry(client) == seconds(NOW + CLOCK_SKEW_US + KEPT_DAYS * DAY)


async def test_what_has_expired_and_is_there_still_counts_on_no_path(client: DynamoClient) -> None:
    expired = a_purchase(purchase_id="old", purchased_at=NOW - 40 * DAY, amount_minor=9_900)
    await dynamo_store(client).recorder.record([expired, PURCHASE])
    store = dynamo_store(client, SHORTEST)
    customer, window = PURCHASE.customer_id, Window.days(30)
    truth = await store.history.between(customer, after=window.after(NOW), until=NOW)
    (recent,) = await recent_of(store, customer)
    assert (list(truth), in_full(recent.purchases, truth)) == ([PURCHASE], [PURCHASE])
    features = total_purchase_volume_30d(USD)
    assert features.matrix(Histories.of([truth]), NOW) == features.matrix(
        Histories.of([recent.purchases]), NOW
    )
    assert await store.rebuilder.rebuild(customer)  # the totals go
    assert not await store.rebuilder.rebuild(customer)
    with pytest.raises(InvalidRequest, match="33 days"):
        await store.history.between(customer, after=NOW - 40 * DAY, until=NOW)


@pytest.mark.parametrize("time_of_day", [-12 * 3_600, 12 * 3_600 - 1])
async def test_the_shortest_retention_suffices_to_rebuild_at_any_time_of_day(
    client: DynamoClient, time_of_day: int
) -> None:
    store = dynamo_store(client, SHORTEST)
    store.clock.now = NOW + time_of_day * MICROS_PER_SECOND
    purchase = a_purchase(purchased_at=store.clock.now)
    await store.recorder.record([purchase])
    client.connection.delete_item(client.recent.Meta.table_name, purchase.customer_id)
    assert await store.rebuilder.rebuild(purchase.customer_id)


async def test_tables_are_checked_and_created_with_the_ttl_that_the_retention_asks_for(
    client: DynamoClient,
) -> None:
    for_ever, limited = DynamoTables(client), DynamoTables(client, retention=SHORTEST)
    for_ever.create()
    name = client.purchases.Meta.table_name
    with pytest.raises(TablesDiffer) as caught:
        limited.verify()
    (difference,) = caught.value.differences
    assert re.match(f"table {name}: TTL .*expires_at .*propensity tables create", difference)
    assert limited.create() == []
    limited.verify()
    with pytest.raises(
        TablesDiffer, match=f"table {name}: TTL .*expires_at.*PROPENSITY_PURCHASE_RETENTION_DAYS"
    ):
        for_ever.verify()

"""Another number of days kept never passes an incomplete history off as complete."""

import pytest

from adapters.dynamodb import DynamoClient, DynamoPurchaseRecorder, DynamoRecentPurchases
from adapters.dynamodb.recent.marks import MARKS
from domain.errors import CorruptRecord
from domain.recent import RecentHistory
from domain.retention import PurchaseRetention, Retention
from domain.values import MICROS_PER_SECOND, Reach, Window, day_of
from tests.builders import DAY, NOW, a_purchase
from tests.contracts.conftest import SHARDS, dynamo_store
from tests.doubles.memory import ManualClock

pytestmark = pytest.mark.anyio

KEPT = PurchaseRetention(400)
"""Where purchases are not kept for ever, the item of a customer who stops buying expires."""
SHORT, LONG = (Retention.covering(Window.days(days), KEPT) for days in (30, 90))
CUSTOMER = a_purchase().customer_id


async def written(client: DynamoClient, retention: Retention, now: int) -> None:
    """The customer buys `now`, in a deployment that keeps so many days."""
    clock = ManualClock(now)
    recorder = DynamoPurchaseRecorder(client, clock=clock, retention=retention, shards=SHARDS)
    await recorder.record([a_purchase(purchase_id=f"{retention.days}-{now}", purchased_at=now)])


async def read(client: DynamoClient, retention: Retention, now: int) -> RecentHistory:
    """What a deployment that keeps so many days knows of the customer."""
    recent = DynamoRecentPurchases(client, clock=ManualClock(now), retention=retention)
    (history,) = (await recent.read([CUSTOMER])).histories
    return history


async def test_an_item_written_with_fewer_days_does_not_answer_longer_windows(
    client: DynamoClient,
) -> None:
    await written(client, SHORT, NOW)
    history = await read(client, LONG, NOW)
    assert not history.answers(Reach(Window.days(60)), NOW)
    assert history.answers(Reach(Window.days(30)), NOW)


async def test_a_write_with_more_days_does_not_bring_back_what_was_not_kept(
    client: DynamoClient,
) -> None:
    await written(client, SHORT, NOW)
    await written(client, LONG, NOW + DAY)
    assert not (await read(client, LONG, NOW + DAY)).answers(Reach(Window.days(60)), NOW + DAY)


async def test_patience_makes_an_item_complete_for_more_days(client: DynamoClient) -> None:
    await written(client, SHORT, NOW)
    for age in (30, 60):
        await written(client, LONG, NOW + age * DAY)
    later = NOW + 60 * DAY
    history = await read(client, LONG, later)
    assert history.answers(Reach(Window.days(90)), later)
    assert len(history.purchases) == 3


async def test_fewer_days_for_a_while_are_remembered(client: DynamoClient) -> None:
    await written(client, LONG, NOW)
    await written(client, SHORT, NOW + DAY)
    await written(client, LONG, NOW + 2 * DAY)
    history = await read(client, LONG, NOW + 2 * DAY)
    assert not history.answers(Reach(Window.days(60)), NOW + 2 * DAY)


async def test_an_item_that_expired_under_fewer_days_is_missed(client: DynamoClient) -> None:
    await written(client, SHORT, NOW)
    later = NOW + 40 * DAY
    expire(client)
    history = await read(client, LONG, later)
    assert not history.purchases
    assert not history.answers(Reach(Window.days(60)), later)
    assert history.answers(Reach(Window.days(30)), later)


@pytest.mark.parametrize("writer", ["a purchase", "a rebuild"])
async def test_an_item_expires_as_soon_as_no_read_relies_on_it(
    client: DynamoClient, writer: str
) -> None:
    """Not a second earlier: the newest purchase may be ahead of its writer's clock, on the next day."""
    midnight = (day_of(NOW) + 1) * DAY
    newest = a_purchase(purchased_at=midnight)
    store = dynamo_store(client, KEPT)
    store.clock.now = midnight - 1
    await store.recorder.record([newest])
    if writer == "a rebuild":
        expire(client)
        assert await store.rebuilder.rebuild(CUSTOMER)

    async def relied_on(now: int) -> bool:
        history = await read(client, SHORT, now)
        return history.covers(after=newest.purchased_at - 1, until=newest.purchased_at)

    expires = expiry(client) * MICROS_PER_SECOND
    assert await relied_on(expires - 1)
    assert not await relied_on(expires)
    expire(client)
    assert not await relied_on(expires)


async def test_an_item_begun_after_another_expired_does_not_speak_for_it(
    client: DynamoClient,
) -> None:
    await written(client, SHORT, NOW)
    later = NOW + 40 * DAY
    expire(client)
    await written(client, LONG, later)
    history = await read(client, LONG, later)
    assert len(history.purchases) == 1
    assert not history.answers(Reach(Window.days(60)), later)
    assert history.answers(Reach(Window.days(30)), later)


async def test_patience_makes_customers_without_an_item_complete_for_more_days(
    client: DynamoClient,
) -> None:
    await written(client, SHORT, NOW)
    expire(client)
    for age, patient_enough in ((90, False), (92, True)):
        history = await read(client, LONG, NOW + age * DAY)
        assert history.answers(Reach(Window.days(90)), NOW + age * DAY) is patient_enough


async def test_more_days_than_ours_bind_nobody(client: DynamoClient) -> None:
    await written(client, LONG, NOW)
    expire(client)
    history = await read(client, SHORT, NOW + DAY)
    assert history.answers(Reach(Window.days(30)), NOW + DAY)


@pytest.mark.parametrize("mark", [{"k10": {"S": "x"}}, {"kx": {"N": "1"}}], ids=["value", "name"])
async def test_a_mark_that_is_none_is_an_error(
    client: DynamoClient, mark: dict[str, dict[str, str]]
) -> None:
    client.connection.client.put_item(
        TableName=client.recent.Meta.table_name, Item={"customer_id": {"S": MARKS}, **mark}
    )
    with pytest.raises(CorruptRecord):
        await read(client, SHORT, NOW)


async def test_where_purchases_are_kept_for_ever_no_item_expires(client: DynamoClient) -> None:
    for_ever = Retention.covering(Window.days(90))
    await written(client, SHORT, NOW)
    assert expiry(client)
    await written(client, for_ever, NOW + 1)
    with pytest.raises(KeyError):
        expiry(client)


async def test_where_purchases_are_kept_for_ever_no_item_means_no_purchase(
    client: DynamoClient,
) -> None:
    short, long = (Retention.covering(Window.days(days)) for days in (30, 90))
    await written(client, short, NOW)
    expire(client)
    history = await read(client, long, NOW + DAY)
    assert history.answers(Reach(Window.days(90), ever=True), NOW + DAY)


async def test_totals_are_not_trusted_while_purchases_may_expire(client: DynamoClient) -> None:
    for_ever = Retention.covering(Window.days(90))
    await written(client, for_ever, NOW)
    ever = Reach(Window.days(30), ever=True)
    assert (await read(client, for_ever, NOW)).answers(ever, NOW)
    await written(client, LONG, NOW + 1)
    assert not (await read(client, for_ever, NOW + 1)).answers(ever, NOW + 1)
    for age_days, trusted in ((400, False), (405, True)):
        store = dynamo_store(client)
        store.clock.now = NOW + age_days * DAY
        await store.rebuilder.rebuild(CUSTOMER)
        await store.rebuilder.finish(began_at=store.clock.now)
        history = await read(client, for_ever, store.clock.now)
        assert history.answers(ever, store.clock.now) is trusted


def expiry(client: DynamoClient) -> int:
    """When TTL may drop the customer's item, seconds since the epoch."""
    found = client.connection.client.get_item(
        TableName=client.recent.Meta.table_name,
        Key={"customer_id": {"S": CUSTOMER}},
        ConsistentRead=True,
    )
    return int(found["Item"]["expires_at"]["N"])


def expire(client: DynamoClient) -> None:
    """TTL drops the customer's item."""
    client.connection.client.delete_item(
        TableName=client.recent.Meta.table_name, Key={"customer_id": {"S": CUSTOMER}}
    )

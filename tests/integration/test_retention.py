"""Another number of days kept never passes an incomplete history off as complete."""

import pytest

from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.purchases import DynamoPurchaseRecorder
from adapters.dynamodb.recent import DynamoRecentPurchases
from adapters.memory import ManualClock
from domain.recent import RecentHistory, Retention
from domain.window import Window
from tests.builders import DAY, NOW, a_purchase
from tests.contracts.conftest import SHARDS

pytestmark = pytest.mark.anyio

SHORT, LONG = Retention.covering(Window.days(30)), Retention.covering(Window.days(90))
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
    assert not history.answers(Window.days(60), NOW)
    assert history.answers(Window.days(30), NOW)


async def test_a_write_with_more_days_does_not_bring_back_what_was_not_kept(
    client: DynamoClient,
) -> None:
    await written(client, SHORT, NOW)
    await written(client, LONG, NOW + DAY)
    assert not (await read(client, LONG, NOW + DAY)).answers(Window.days(60), NOW + DAY)


async def test_patience_makes_an_item_complete_for_more_days(client: DynamoClient) -> None:
    await written(client, SHORT, NOW)
    for age in (30, 60):
        await written(client, LONG, NOW + age * DAY)
    later = NOW + 60 * DAY
    history = await read(client, LONG, later)
    assert history.answers(Window.days(90), later)
    assert len(history.purchases) == 3


async def test_fewer_days_for_a_while_are_remembered(client: DynamoClient) -> None:
    await written(client, LONG, NOW)
    await written(client, SHORT, NOW + DAY)
    await written(client, LONG, NOW + 2 * DAY)
    history = await read(client, LONG, NOW + 2 * DAY)
    assert not history.answers(Window.days(60), NOW + 2 * DAY)

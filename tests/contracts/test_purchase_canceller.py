"""What every PurchaseCanceller promises."""

import asyncio
from dataclasses import replace

import pytest

from domain.purchases import Cancelling, Recording
from domain.values import MICROS_PER_DAY
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, in_full, recent_of

pytestmark = pytest.mark.anyio
PURCHASE = a_purchase(purchased_at=NOW - 5, category="shirts")
IDS = (PURCHASE.customer_id, PURCHASE.purchase_id)


async def everything(store: Store) -> tuple[list[object], list[object], list[str]]:
    """All that is read of the customer: history, recent purchases, and who bought shirts."""
    history = await store.history.between(PURCHASE.customer_id, after=0, until=NOW)
    (recent,) = await recent_of(store, PURCHASE.customer_id)
    listed: list[str] = []
    for shard in range(store.index.shards):
        page = await store.index.page("shirts", shard=shard, after=None, most=None)
        listed += page.customers
    return list(history), list(in_full(recent.purchases, [PURCHASE])), listed


async def test_a_cancelled_purchase_is_in_no_later_read(store: Store) -> None:
    await store.recorder.record([PURCHASE])
    assert await everything(store) == ([PURCHASE], [PURCHASE], [PURCHASE.customer_id])
    assert await store.canceller.cancel(*IDS) == Cancelling.CANCELLED
    assert await everything(store) == ([], [], [])
    assert await store.canceller.cancel(*IDS) == Cancelling.ALREADY_CANCELLED
    assert await everything(store) == ([], [], [])


async def test_a_cancelled_purchase_is_never_recorded_again(store: Store) -> None:
    await store.recorder.record([PURCHASE])
    await store.canceller.cancel(*IDS)
    other = replace(PURCHASE, amount_minor=1)
    assert await store.recorder.record([PURCHASE]) == [Recording.CANCELLED]
    assert await store.recorder.record([other]) == [Recording.CANCELLED]
    assert await everything(store) == ([], [], [])


async def test_a_cancellation_that_arrives_first_wins(store: Store) -> None:
    assert await store.canceller.cancel(*IDS) == Cancelling.CANCELLED
    assert await store.recorder.record([PURCHASE]) == [Recording.CANCELLED]
    assert await store.canceller.cancel(*IDS) == Cancelling.ALREADY_CANCELLED
    assert await everything(store) == ([], [], [])


@pytest.mark.parametrize("age_days", [0, 31, 32, 33, 200])
async def test_others_stay_as_they_are(store: Store, age_days: int) -> None:
    at = NOW - age_days * MICROS_PER_DAY
    cancelled, beside = (
        a_purchase(purchase_id=name, purchased_at=at, category="shirts") for name in ("a", "b")
    )
    await store.recorder.record([cancelled, beside])
    before = await everything(store)
    assert len(before[0]) == 2
    await store.canceller.cancel(cancelled.customer_id, "a")
    history, recent, listed = await everything(store)
    assert history == [beside]
    assert recent == [purchase for purchase in before[1] if purchase == beside]
    assert listed == [beside.customer_id]


async def test_a_cancellation_and_its_purchase_may_race(store: Store) -> None:
    purchases = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - n) for n in range(8)]
    calls = [
        call
        for purchase in purchases
        for call in (
            store.recorder.record([purchase]),
            store.canceller.cancel(purchase.customer_id, purchase.purchase_id),
        )
    ]
    await asyncio.gather(*calls)
    history, recent, _ = await everything(store)
    assert (history, recent) == ([], [])

"""What every RecentPurchases promises."""

import pytest

from domain.instant import MICROS_PER_DAY
from domain.ports import Recording
from domain.recent import day_of
from domain.window import Window
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import RETENTION, Store

pytestmark = pytest.mark.anyio


async def test_every_customer_asked_for_is_answered_once_in_order(store: Store) -> None:
    await store.recorder.record([a_purchase(customer_id="b", purchased_at=NOW)])
    histories = await store.recent.of(["c", "b", "a", "b"])
    assert [history.customer_id for history in histories] == ["c", "b", "a"]
    assert [len(history.purchases) for history in histories] == [0, 1, 0]


async def test_more_than_a_hundred_customers_can_be_asked_for(store: Store) -> None:
    for name in ("customer-3", "customer-140"):
        await store.recorder.record([a_purchase(customer_id=name, purchased_at=NOW)])
    histories = await store.recent.of([f"customer-{n}" for n in range(150)])
    assert len(histories) == 150
    assert [h.customer_id for h in histories if h.purchases] == ["customer-3", "customer-140"]


async def test_the_longest_window_is_answered_now_and_a_day_ago(store: Store) -> None:
    (history,) = await store.recent.of(["anybody"])
    window = Window.days(30)
    assert history.answers(window, NOW)
    assert history.answers(window, NOW - MICROS_PER_DAY // 2)
    assert not history.answers(window, NOW - 3 * MICROS_PER_DAY)


async def test_late_events_are_there_as_long_as_their_day_is_kept(store: Store) -> None:
    kept = RETENTION.complete_since(NOW)
    late = a_purchase(purchase_id="late", purchased_at=kept * MICROS_PER_DAY)
    too_late = a_purchase(purchase_id="too late", purchased_at=late.purchased_at - 1)
    await store.recorder.record([late, too_late])
    (history,) = await store.recent.of([late.customer_id])
    assert [p for p in history.purchases if day_of(p.purchased_at) >= kept] == [late]


async def test_days_too_full_to_keep_are_named(store: Store) -> None:
    crowd = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - n) for n in range(120)]
    quiet = a_purchase(purchase_id="quiet", purchased_at=NOW - MICROS_PER_DAY)
    for start in range(0, len(crowd), 20):
        await store.recorder.record(crowd[start : start + 20])
    await store.recorder.record([quiet])
    (history,) = await store.recent.of([quiet.customer_id])
    today = [p for p in history.purchases if day_of(p.purchased_at) == day_of(NOW)]
    assert quiet in history.purchases
    assert len(today) == len(crowd) or not history.answers(Window.days(1), NOW)
    assert history.answers(Window.days(1), NOW - MICROS_PER_DAY)


@pytest.mark.parametrize("purchases_a_call", [70, 9, 1], ids=["one call", "several", "each"])
async def test_only_the_crowded_day_is_marked_and_the_others_hold_their_purchases(
    store: Store, purchases_a_call: int
) -> None:
    crowd = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - n) for n in range(60)]
    quiet = [
        a_purchase(purchase_id=f"quiet-{n}", purchased_at=NOW - n * MICROS_PER_DAY)
        for n in range(1, 8)
    ]
    purchases = [*crowd]
    for place, purchase in enumerate(quiet):
        purchases.insert(place * 9, purchase)  # each call has one on another day
    for start in range(0, len(purchases), purchases_a_call):
        sent = purchases[start : start + purchases_a_call]
        assert set(await store.recorder.record(sent)) == {Recording.RECORDED}
    (history,) = await store.recent.of([crowd[0].customer_id])
    assert history.overflow_days <= {day_of(NOW)}
    assert [p for p in history.purchases if day_of(p.purchased_at) < day_of(NOW)] == quiet[::-1]
    assert history.answers(Window.days(6), NOW - MICROS_PER_DAY)

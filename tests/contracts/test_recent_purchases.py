"""What every RecentPurchases promises."""

import pytest

from domain.cost import Cost, metered
from domain.features import Aggregation, Feature, FeatureSet, Histories, total_purchase_volume_30d
from domain.purchases import Recording, Refund
from domain.recent import RecentBatch, RecentHistory
from domain.values import MICROS_PER_DAY, Reach, Window, day_of
from tests.builders import NOW, USD, a_purchase
from tests.contracts.conftest import RETENTION, Store, recent_of, settled

pytestmark = pytest.mark.anyio
EVER = FeatureSet((Feature(Aggregation.TOTAL_PURCHASE_VOLUME, None),), USD)


async def record_for(store: Store, *customers: str) -> None:
    for customer in customers:
        await store.recorder.record([a_purchase(customer_id=customer, purchased_at=NOW)])


async def scan(store: Store, *, segments: int) -> list[RecentBatch]:
    return [
        batch
        for segment in range(segments)
        async for batch in store.recent.scan(segment=segment, segments=segments)
    ]


def histories_in(batches: list[RecentBatch]) -> dict[str, RecentHistory]:
    """Each customer's history; nobody appears twice and nobody is left unread."""
    found = [history for batch in batches for history in batch.histories]
    histories = {history.customer_id: history for history in found}
    assert len(histories) == len(found)
    assert not any(batch.unread for batch in batches)
    return histories


async def test_every_customer_asked_for_is_answered_once(store: Store) -> None:
    await record_for(store, "b")
    histories = histories_in([await store.recent.read(["c", "b", "a"])])
    assert {c: len(history.purchases) for c, history in histories.items()} == {
        "a": 0,
        "b": 1,
        "c": 0,
    }


async def test_one_customer_is_read_as_in_a_batch(store: Store) -> None:
    await record_for(store, "b")
    for customer in ("b", "nobody"):
        assert [await store.recent.one(customer)] == await recent_of(store, customer)


async def test_nothing_is_complete_before_the_day_that_is_told(store: Store) -> None:
    assert store.recent.complete_since == RETENTION.complete_since(NOW)
    await record_for(store, "b")
    for customer in ("b", "nobody"):
        assert (await store.recent.one(customer)).complete_since >= store.recent.complete_since


async def test_a_hundred_customers_are_read_at_once(store: Store) -> None:
    await record_for(store, "customer-3", "customer-99")
    histories = histories_in([await store.recent.read([f"customer-{n}" for n in range(100)])])
    assert len(histories) == 100
    active = [customer for customer, history in histories.items() if history.purchases]
    assert sorted(active) == ["customer-3", "customer-99"]


async def test_nobody_asked_for_costs_nothing(store: Store) -> None:
    with metered() as cost:
        batch = await store.recent.read([])
    assert (list(batch.histories), list(batch.unread), cost) == ([], [], Cost())


async def test_the_longest_window_is_answered_now_and_a_day_ago(store: Store) -> None:
    (history,) = await recent_of(store, "anybody")
    window = Window.days(30)
    assert history.answers(Reach(window), NOW)
    assert history.answers(Reach(window), NOW - MICROS_PER_DAY // 2)
    assert not history.answers(Reach(window), NOW - 3 * MICROS_PER_DAY)


async def test_late_events_are_there_as_long_as_their_day_is_kept(store: Store) -> None:
    kept = RETENTION.complete_since(NOW)
    late = a_purchase(purchase_id="late", purchased_at=kept * MICROS_PER_DAY)
    too_late = a_purchase(purchase_id="too late", purchased_at=late.purchased_at - 1)
    await store.recorder.record([late, too_late])
    (history,) = await recent_of(store, late.customer_id)
    assert [p for p in history.purchases if day_of(p.purchased_at) >= kept] == [late]


async def test_days_too_full_to_keep_are_named(store: Store) -> None:
    crowd = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - n) for n in range(120)]
    quiet = a_purchase(purchase_id="quiet", purchased_at=NOW - MICROS_PER_DAY)
    for start in range(0, len(crowd), 20):
        await store.recorder.record(crowd[start : start + 20])
    await store.recorder.record([quiet])
    (read,) = await recent_of(store, quiet.customer_id)
    scanned = histories_in(await scan(store, segments=1))[quiet.customer_id]
    for history in (read, scanned):
        today = [p for p in history.purchases if day_of(p.purchased_at) == day_of(NOW)]
        assert quiet in history.purchases
        assert len(today) == len(crowd) or not history.answers(Reach(Window.days(1)), NOW)
        assert history.answers(Reach(Window.days(1)), NOW - MICROS_PER_DAY)


@pytest.mark.parametrize("segments", [1, 4])
async def test_a_scan_yields_every_stored_history_once_as_it_is_read(
    store: Store, segments: int
) -> None:
    active = [f"customer-{n}" for n in range(20)]
    await record_for(store, *active)
    batches = await scan(store, segments=segments)
    histories = histories_in(batches)
    assert sorted(histories) == sorted(active)
    assert [histories[customer] for customer in active] == await recent_of(store, *active)


@pytest.mark.parametrize("ever", [False, True], ids=["a window", "ever"])
async def test_columns_tell_the_same_of_whoever_is_in_them(store: Store, ever: bool) -> None:
    active = [f"customer-{n}" for n in range(12)]
    await record_for(store, *active)
    bought = a_purchase(customer_id=active[0], purchased_at=NOW)
    part = Refund(NOW, "r", bought.amount_minor - 1)
    await store.refunder.refund(active[0], bought.purchase_id, part, dated=True)
    asked, reach = [*active, "nobody"], Reach(Window.days(30), ever)
    read = await store.recent.read(asked, columns_for=reach)
    scanned = [batch async for batch in store.recent.scan(segment=0, segments=1, columns_for=reach)]
    for customers, batches in ((asked, [read]), (active, scanned)):
        in_columns = [batch.columns for batch in batches if batch.columns is not None]
        told = [one for each in in_columns for one in each.histories.customer_ids]
        others = [history.customer_id for batch in batches for history in batch.histories]
        assert sorted(told + others) == sorted(customers)
        for columns in in_columns:
            histories = await recent_of(store, *columns.histories.customer_ids)
            each = Histories.of(history.reaching(reach) for history in histories)
            assert columns.answer(reach, NOW).tolist() == [h.answers(reach, NOW) for h in histories]
            for features in (total_purchase_volume_30d(USD), *([EVER] if ever else [])):
                ours = features.matrix(columns.histories, NOW)
                assert ours.tolist() == features.matrix(each, NOW).tolist()


async def test_nothing_stored_is_nothing_scanned(store: Store) -> None:
    assert histories_in(await scan(store, segments=2)) == {}


async def test_the_size_counts_customers_and_not_purchases(store: Store) -> None:
    await settled(store)
    before = (await store.recent.size()).items
    await record_for(store, "a", "b", "c")
    await store.recorder.record([a_purchase(customer_id="a", purchase_id="2", purchased_at=NOW)])
    size = await store.recent.size()
    assert size.items - before == 3
    assert size.bytes >= 0


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
    (history,) = await recent_of(store, crowd[0].customer_id)
    assert history.overflow_days <= {day_of(NOW)}
    assert [p for p in history.purchases if day_of(p.purchased_at) < day_of(NOW)] == quiet[::-1]
    assert history.answers(Reach(Window.days(6)), NOW - MICROS_PER_DAY)

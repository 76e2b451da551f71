"""What every CustomerEraser promises."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from domain.customers import Erasure
from domain.purchases import Cancelling, Purchase, Recording, Refund
from domain.values import MICROS_PER_DAY
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, recent_of

pytestmark = pytest.mark.anyio
UNTIL = NOW + 30 * MICROS_PER_DAY
CUSTOMER = a_purchase().customer_id


def bought(*ages: int, customer_id: str = CUSTOMER) -> list[Purchase]:
    """One purchase so many days ago each; of 200 days ago none is recent."""
    return [
        a_purchase(
            customer_id=customer_id,
            purchase_id=f"p{number:03d}",
            purchased_at=NOW - age * MICROS_PER_DAY,
            category=("shirts", "jewellery")[number % 2],
        )
        for number, age in enumerate(ages)
    ]


async def listed(store: Store) -> set[str]:
    """Every customer of either category."""
    pages = [
        await store.index.page(category, shard=shard, after=None, most=None)
        for category in ("shirts", "jewellery")
        for shard in range(store.index.shards)
    ]
    return {customer for page in pages for customer in page.customers}


async def assert_nothing_is_left(store: Store, customer_id: str = CUSTOMER) -> None:
    assert list(await store.history.between(customer_id, after=0, until=NOW)) == []
    (recent,) = await recent_of(store, customer_id)
    assert (list(recent.purchases), recent.overflow_days) == ([], frozenset())
    scanned = [batch async for batch in store.recent.scan(segment=0, segments=1)]
    assert customer_id not in {h.customer_id for batch in scanned for h in batch.histories}
    assert customer_id not in await listed(store)
    record = await store.records.of(customer_id)
    assert (record.purchases, record.cancelled, record.waiting) == ([], {}, {})
    assert record.recent == []


async def test_nothing_of_an_erased_customer_is_left_and_the_receipt_counts_it(
    store: Store,
) -> None:
    await store.recorder.record(bought(1, 2, 40, 200))
    await store.canceller.cancel(CUSTOMER, "p001")
    await store.canceller.cancel(CUSTOMER, "never-came")
    for purchase_id in ("p000", "to-come"):
        refund = Refund(NOW, "r-1", 1)
        await store.refunder.refund(CUSTOMER, purchase_id, refund, dated=True)
    erased = await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    assert erased == Erasure(
        purchases=3, cancelled=2, recent_purchases=1, refunds_waiting=1, complete=True
    )
    await assert_nothing_is_left(store)
    assert (await store.records.of(CUSTOMER)).suppressed_until == UNTIL


async def test_erasing_again_finds_nothing_and_is_safe(store: Store) -> None:
    nothing = Erasure(
        purchases=0, cancelled=0, recent_purchases=0, refunds_waiting=0, complete=True
    )
    await store.recorder.record(bought(1))
    await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    for until in (UNTIL, UNTIL + 1):
        assert await store.eraser.erase(CUSTOMER, suppressed_until=until) == nothing
        assert (await store.records.of(CUSTOMER)).suppressed_until == until
    assert await store.eraser.erase("nobody", suppressed_until=UNTIL) == nothing
    await assert_nothing_is_left(store)


@pytest.mark.parametrize("age_days", [0, 31, 32, 33, 200])
async def test_nothing_is_taken_until_the_suppression_is_over(store: Store, age_days: int) -> None:
    (purchase,) = bought(age_days)
    await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    for now in (NOW, UNTIL - 1):
        store.clock.now = now
        assert await store.recorder.record([purchase]) == [Recording.ERASED]
        assert await store.canceller.cancel(CUSTOMER, "p000") == Cancelling.ERASED
        await assert_nothing_is_left(store)
    store.clock.now = UNTIL
    assert await store.recorder.record([purchase]) == [Recording.RECORDED]
    assert await store.recorder.record([purchase]) == [Recording.DUPLICATE]
    assert list(await store.history.between(CUSTOMER, after=0, until=UNTIL)) == [purchase]
    assert await store.canceller.cancel(CUSTOMER, "p000") == Cancelling.CANCELLED


async def test_afterwards_the_customer_is_as_a_new_one(store: Store) -> None:
    await store.recorder.record(bought(1, 2))
    await store.canceller.cancel(CUSTOMER, "p000")
    await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    store.clock.now = UNTIL
    again = a_purchase(purchase_id="p000", purchased_at=UNTIL - 5, category="shirts")
    assert await store.recorder.record([again]) == [Recording.RECORDED]
    (recent,) = await recent_of(store, CUSTOMER)
    assert (list(recent.purchases), recent.suppressed) == ([again], False)
    assert await listed(store) == {CUSTOMER}
    assert (await store.records.of(CUSTOMER)).suppressed_until is None
    assert not await store.rebuilder.rebuild(CUSTOMER)


async def test_other_customers_stay_as_they_are(store: Store) -> None:
    theirs = bought(1, 40, customer_id="other")
    await store.recorder.record(bought(1, 40))
    await store.recorder.record(theirs)
    await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    assert list(await store.history.between("other", after=0, until=NOW)) == theirs[::-1]
    (recent,) = await recent_of(store, "other")
    assert (list(recent.purchases), recent.suppressed) == (theirs[:1], False)
    assert await listed(store) == {"other"}
    assert await store.recorder.record(bought(3, customer_id="other")) == [Recording.CONFLICT]


async def test_many_purchases_are_erased(store: Store) -> None:
    many = bought(*[number // 10 for number in range(450)])
    await store.recorder.record(many)
    erased = await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    assert (erased.purchases, erased.complete) == (450, True)
    await assert_nothing_is_left(store)


async def test_a_rebuild_brings_nothing_back(store: Store) -> None:
    await store.recorder.record(bought(1, 2))
    await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    for now in (NOW, UNTIL):
        store.clock.now = now
        assert not await store.rebuilder.rebuild(CUSTOMER)
        assert not (await store.records.of(CUSTOMER)).recent


async def test_whoever_is_suppressed_is_listed_until_the_mark_is_gone(store: Store) -> None:
    async def suppressed() -> dict[str, int]:
        return {c: until async for page in store.eraser.suppressed() for c, until in page.items()}

    await store.recorder.record(bought(1, customer_id="other"))
    assert await suppressed() == {}
    await store.eraser.erase(CUSTOMER, suppressed_until=UNTIL)
    await store.eraser.erase("nobody", suppressed_until=UNTIL + 1)
    assert await suppressed() == {CUSTOMER: UNTIL, "nobody": UNTIL + 1}
    store.clock.now = UNTIL
    await store.recorder.record(bought(1))
    assert await suppressed() == {"nobody": UNTIL + 1}


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_records_cancels_or_rebuilds_meanwhile_leaves_nothing_behind(
    store: Store, seed: int
) -> None:
    purchases = bought(*[2 * number for number in range(12)], *range(100, 112))
    await store.recorder.record(purchases[::2])
    calls: list[Coroutine[Any, Any, object]] = [store.recorder.record([p]) for p in purchases]
    calls += [store.canceller.cancel(CUSTOMER, p.purchase_id) for p in purchases[::3]]
    calls += [store.rebuilder.rebuild(CUSTOMER) for _ in range(4)]
    calls += [store.eraser.erase(CUSTOMER, suppressed_until=UNTIL) for _ in range(2)]
    random.Random(seed).shuffle(calls)
    await asyncio.gather(*calls)
    await assert_nothing_is_left(store)
    assert (await store.records.of(CUSTOMER)).suppressed_until == UNTIL

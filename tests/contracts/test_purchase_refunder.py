"""What every PurchaseRefunder promises."""

import asyncio
from dataclasses import replace
from itertools import permutations

import pytest

from domain.purchases import MAX_REFUNDS, Cancelling, Purchase, Recording, Refund, Refunding
from domain.values import MICROS_PER_DAY
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, in_full, recent_of

pytestmark = pytest.mark.anyio
PURCHASE = a_purchase(purchased_at=NOW - 5, amount_minor=1_000)
IDS = (PURCHASE.customer_id, PURCHASE.purchase_id)
PART = Refund(NOW - 3, "r-1", 400)
REST = Refund(NOW - 1, "r-2", 600)


async def refund(store: Store, refund: Refund, *, dated: bool = True) -> Refunding:
    return await store.refunder.refund(*IDS, refund, dated=dated)


async def everything(store: Store) -> list[Purchase]:
    """The customer's purchases, once history and recent purchases agree on them."""
    history = await store.history.between(PURCHASE.customer_id, after=0, until=NOW)
    (recent,) = await recent_of(store, PURCHASE.customer_id)
    assert in_full(recent.purchases, history) == list(history)
    return list(history)


async def test_an_acknowledged_refund_is_in_every_later_read_of_its_purchase(store: Store) -> None:
    await store.recorder.record([PURCHASE])
    assert await refund(store, REST) is Refunding.RECORDED
    assert await refund(store, PART) is Refunding.RECORDED
    assert await everything(store) == [replace(PURCHASE, refunds=(PART, REST))]


@pytest.mark.parametrize("order", list(permutations(["purchase", PART, REST])))
async def test_whatever_comes_first_the_result_is_the_same(
    store: Store, order: tuple[Refund | str, ...]
) -> None:
    came = False
    for each in order:
        if isinstance(each, Refund):
            due = Refunding.RECORDED if came else Refunding.WAITING
            assert await refund(store, each) is due
        else:
            assert await store.recorder.record([PURCHASE]) == [Recording.RECORDED]
            came = True
    assert await everything(store) == [replace(PURCHASE, refunds=(PART, REST))]
    assert await store.recorder.record([PURCHASE]) == [Recording.DUPLICATE]


async def test_the_same_refund_again_changes_nothing(store: Store) -> None:
    assert await refund(store, PART) is Refunding.WAITING
    assert await refund(store, PART) is Refunding.DUPLICATE
    await store.recorder.record([PURCHASE])
    assert await refund(store, PART) is Refunding.DUPLICATE
    assert await everything(store) == [replace(PURCHASE, refunds=(PART,))]


async def test_another_refund_under_its_id_is_a_conflict(store: Store) -> None:
    await store.recorder.record([PURCHASE])
    await refund(store, PART)
    assert await refund(store, replace(PART, amount_minor=1)) is Refunding.CONFLICT
    later = replace(PART, refunded_at=NOW)
    assert await refund(store, later) is Refunding.CONFLICT
    assert await refund(store, later, dated=False) is Refunding.DUPLICATE
    assert await everything(store) == [replace(PURCHASE, refunds=(PART,))]


async def test_no_more_is_given_back_than_was_paid(store: Store) -> None:
    await store.recorder.record([PURCHASE])
    await refund(store, PART)
    assert await refund(store, replace(REST, amount_minor=601)) is Refunding.EXCESS
    assert await refund(store, REST) is Refunding.RECORDED
    assert await refund(store, Refund(NOW, "r-3", 1)) is Refunding.EXCESS
    assert await everything(store) == [replace(PURCHASE, refunds=(PART, REST))]


async def test_a_purchase_smaller_than_its_waiting_refunds_is_in_conflict(store: Store) -> None:
    await refund(store, PART)
    small = replace(PURCHASE, amount_minor=399)
    assert await store.recorder.record([small]) == [Recording.CONFLICT]
    assert await everything(store) == []
    assert await store.recorder.record([PURCHASE]) == [Recording.RECORDED]


async def test_a_purchase_has_so_many_refunds_and_no_more(store: Store) -> None:
    await store.recorder.record([PURCHASE])
    refunds = tuple(Refund(NOW - 4, f"r-{n:03d}", 1) for n in range(MAX_REFUNDS))
    for each in refunds:
        assert await refund(store, each) is Refunding.RECORDED
    assert await refund(store, Refund(NOW, "r-more", 1)) is Refunding.EXCESS
    (read,) = await store.history.between(PURCHASE.customer_id, after=0, until=NOW)
    assert read == replace(PURCHASE, refunds=refunds)


async def test_of_a_cancelled_purchase_nothing_is_refunded(store: Store) -> None:
    await store.recorder.record([PURCHASE])
    await refund(store, PART)
    assert await store.canceller.cancel(*IDS) is Cancelling.CANCELLED
    assert await everything(store) == []
    assert await refund(store, PART) is Refunding.CANCELLED
    assert await refund(store, REST) is Refunding.CANCELLED


async def test_a_cancellation_ends_the_wait_of_a_refund(store: Store) -> None:
    await refund(store, PART)
    assert await store.canceller.cancel(*IDS) is Cancelling.CANCELLED
    assert await store.recorder.record([PURCHASE]) == [Recording.CANCELLED]
    assert await refund(store, PART) is Refunding.CANCELLED
    assert await everything(store) == []


async def test_of_an_erased_customer_no_refund_is_kept(store: Store) -> None:
    until = NOW + MICROS_PER_DAY
    await store.recorder.record([PURCHASE])
    await store.eraser.erase(PURCHASE.customer_id, suppressed_until=until)
    assert await refund(store, PART) is Refunding.ERASED
    store.clock.now = until + 1
    assert await store.recorder.record([PURCHASE]) == [Recording.RECORDED]
    assert await everything(store) == [PURCHASE]


@pytest.mark.parametrize("age_days", [0, 31, 32, 33, 200])
async def test_others_stay_as_they_are_whatever_the_age(store: Store, age_days: int) -> None:
    at = NOW - age_days * MICROS_PER_DAY
    mine, beside = (replace(PURCHASE, purchase_id=name, purchased_at=at) for name in ("a", "b"))
    await store.recorder.record([mine, beside])
    (before,) = await recent_of(store, PURCHASE.customer_id)
    assert await store.refunder.refund(IDS[0], "a", PART, dated=True) is Refunding.RECORDED
    history = await store.history.between(IDS[0], after=0, until=NOW)
    assert list(history) == [replace(mine, refunds=(PART,)), beside]
    (recent,) = await recent_of(store, IDS[0])
    assert len(recent.purchases) == len(before.purchases)
    assert all(purchase in history for purchase in in_full(recent.purchases, history))


async def test_names_of_any_length_survive_on_both_paths(store: Store) -> None:
    long = replace(PURCHASE, purchase_id="p" * 128, category="c" * 64)
    await store.recorder.record([long])
    refunds = [Refund(NOW - 4, "r|1|2|" + "-" * 58, 1), Refund(NOW - 3, "r" * 128, 2)]
    for each in refunds:
        assert (
            await store.refunder.refund(IDS[0], long.purchase_id, each, dated=True)
            is Refunding.RECORDED
        )
    (read,) = await store.history.between(IDS[0], after=0, until=NOW)
    assert read == replace(long, refunds=tuple(refunds))
    (recent,) = await recent_of(store, IDS[0])
    assert in_full(recent.purchases, [read]) == [read]


async def test_refunds_purchase_and_cancellation_may_race(store: Store) -> None:
    purchases = [replace(PURCHASE, purchase_id=f"p{n}", purchased_at=NOW - 9 - n) for n in range(6)]
    calls = [
        call
        for n, purchase in enumerate(purchases)
        for call in (
            store.refunder.refund(IDS[0], purchase.purchase_id, PART, dated=True),
            store.recorder.record([purchase]),
            store.refunder.refund(IDS[0], purchase.purchase_id, REST, dated=True),
            *([store.canceller.cancel(IDS[0], purchase.purchase_id)] if n % 2 else []),
        )
    ]
    await asyncio.gather(*calls)
    history = await everything(store)
    assert history == [replace(p, refunds=(PART, REST)) for p in reversed(purchases[::2])]

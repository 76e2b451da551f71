"""What every PurchaseRecorder promises."""

import asyncio
from dataclasses import replace

import pytest

from domain.purchases import Recording
from domain.recent import as_listed
from domain.values import MICROS_PER_DAY
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, recent_of

pytestmark = pytest.mark.anyio


async def test_an_acknowledged_purchase_is_in_every_later_read(store: Store) -> None:
    purchase = a_purchase(purchased_at=NOW - 5)
    assert await store.recorder.record([purchase]) == [Recording.RECORDED]
    assert await store.history.between(purchase.customer_id, after=0, until=NOW) == [purchase]
    (recent,) = await recent_of(store, purchase.customer_id)
    assert recent.purchases == [as_listed(purchase)]


async def test_the_same_purchase_again_is_a_duplicate_and_changes_nothing(store: Store) -> None:
    purchase = a_purchase(purchased_at=NOW - 5)
    await store.recorder.record([purchase])
    assert await store.recorder.record([purchase]) == [Recording.DUPLICATE]
    assert await store.history.between(purchase.customer_id, after=0, until=NOW) == [purchase]


@pytest.mark.parametrize(
    "change", [{"amount_minor": 1}, {"category": "other"}, {"purchased_at": 7}]
)
async def test_another_payload_under_a_stored_id_is_a_conflict_and_changes_nothing(
    store: Store, change: dict[str, int | str]
) -> None:
    purchase = a_purchase(purchased_at=NOW - 5, amount_minor=5_000)
    other = replace(purchase, **change)  # type: ignore[arg-type]  # each field with its own type
    await store.recorder.record([purchase])
    assert await store.recorder.record([other]) == [Recording.CONFLICT]
    assert await store.history.between(purchase.customer_id, after=0, until=NOW) == [purchase]
    (recent,) = await recent_of(store, purchase.customer_id)
    assert recent.purchases == [as_listed(purchase)]


async def test_outcomes_come_in_the_order_sent(store: Store) -> None:
    first, second, third = (
        a_purchase(purchase_id=name, purchased_at=NOW - age)
        for name, age in (("first", 1), ("second", 3), ("third", 2))
    )
    await store.recorder.record([first, replace(second, amount_minor=1)])
    assert await store.recorder.record([third, second, first]) == [
        Recording.RECORDED,
        Recording.CONFLICT,
        Recording.DUPLICATE,
    ]


async def test_two_customers_may_use_the_same_purchase_id(store: Store) -> None:
    mine, yours = (a_purchase(customer_id=c, purchased_at=NOW) for c in ("mine", "yours"))
    assert await store.recorder.record([mine]) == [Recording.RECORDED]
    assert await store.recorder.record([yours]) == [Recording.RECORDED]


async def test_any_number_of_purchases_of_a_customer_is_taken(store: Store) -> None:
    many = [
        a_purchase(purchase_id=f"p{n:03d}", purchased_at=NOW - n * MICROS_PER_DAY // 3)
        for n in range(150)
    ]
    assert await store.recorder.record(many) == [Recording.RECORDED] * 150
    assert await store.recorder.record(many) == [Recording.DUPLICATE] * 150
    read = await store.history.between(many[0].customer_id, after=0, until=NOW)
    assert read == sorted(many, key=lambda p: p.purchased_at)


async def test_writers_of_the_same_purchases_record_each_once_between_them(store: Store) -> None:
    purchases = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - n) for n in range(5)]
    answers = await asyncio.gather(*(store.recorder.record(purchases) for _ in range(4)))
    for outcomes in zip(*answers, strict=True):
        assert sorted(outcomes) == ["duplicate", "duplicate", "duplicate", "recorded"]


async def test_calls_for_one_customer_side_by_side_each_have_their_outcome(store: Store) -> None:
    purchases = [a_purchase(purchase_id=f"p{n:02d}", purchased_at=NOW - 20 + n) for n in range(12)]
    rival = replace(purchases[3], amount_minor=1)
    sent = [*purchases, purchases[5], rival]
    found = await asyncio.gather(*(store.recorder.record([each]) for each in sent))
    outcomes = [recording for (recording,) in found]
    assert outcomes.count(Recording.RECORDED) == len(purchases)
    assert sorted([outcomes[5], outcomes[12]]) == [Recording.DUPLICATE, Recording.RECORDED]
    assert sorted([outcomes[3], outcomes[13]]) == [Recording.CONFLICT, Recording.RECORDED]
    if outcomes[13] is Recording.RECORDED:
        purchases[3] = rival
    customer = purchases[0].customer_id
    assert await store.history.between(customer, after=0, until=NOW) == purchases
    (recent,) = await recent_of(store, customer)
    assert recent.purchases == purchases

"""What every CustomerRecords promises."""

from dataclasses import replace

import pytest

from domain.customers import CustomerRecord
from domain.purchases import Lifetime, Refund
from tests.builders import DAY, NOW, a_purchase
from tests.contracts.conftest import Store

pytestmark = pytest.mark.anyio
NOTHING = CustomerRecord(
    purchases=[],
    cancelled={},
    waiting={},
    recent=[],
    lifetime=Lifetime(),
    counted_in=[],
    suppressed_until=None,
)


async def test_an_unknown_customer_has_nothing(store: Store) -> None:
    await store.recorder.record([a_purchase(customer_id="other")])
    assert await store.records.of("customer-1") == NOTHING


async def test_all_that_is_stored_is_told_whether_it_counts_or_not(store: Store) -> None:
    new, cancelled, old = (
        a_purchase(purchase_id=name, purchased_at=NOW - age * DAY, category=name)
        for name, age in (("new", 1), ("cancelled", 2), ("old", 900))
    )
    await store.recorder.record([new, cancelled, old])
    await store.canceller.cancel("customer-1", "cancelled")
    await store.canceller.cancel("customer-1", "before it came")
    part, early = Refund(NOW, "r-1", 5), Refund(NOW, "r-2", 7)
    await store.refunder.refund("customer-1", "new", part, dated=True)
    await store.refunder.refund("customer-1", "to come", early, dated=True)
    new = replace(new, refunds=(part,))
    record = await store.records.of("customer-1")
    assert record.purchases == [old, new]
    assert record.cancelled == {"cancelled": NOW, "before it came": NOW}
    assert record.waiting == {"to come": (early,)}
    assert record.recent == [new]
    assert set(record.counted_in) >= {"new", "old"}
    assert record.suppressed_until is None


async def test_it_is_complete_however_much_there_is(store: Store) -> None:
    many = [
        a_purchase(purchase_id=f"p{n:04d}", purchased_at=NOW - n * DAY // 4) for n in range(400)
    ]
    await store.recorder.record(many)
    assert (await store.records.of("customer-1")).purchases == many[::-1]

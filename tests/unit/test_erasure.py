"""Erase a customer: when the suppression ends, and who is a customer."""

from collections.abc import AsyncIterator, Mapping

import pytest

from domain.customers import UNFINISHED, EraseAgain, EraseCustomer, ErasedAgain, Erasure
from domain.errors import InvalidRequest
from tests.builders import DAY, NOW, a_purchase
from tests.doubles.memory import ManualClock
from tests.doubles.store import ReferenceStore

pytestmark = pytest.mark.anyio


class Unfinished:
    """An eraser that never gets to the end."""

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        del customer_id, suppressed_until
        return Erasure(
            purchases=3, cancelled=0, recent_purchases=1, refunds_waiting=0, complete=False
        )

    async def suppressed(self) -> AsyncIterator[Mapping[str, int]]:
        yield {"customer-1": UNFINISHED}


async def test_the_suppression_counts_from_the_latest_time_of_asking() -> None:
    clock = ManualClock(NOW)
    store = ReferenceStore(clock=clock)
    erase = EraseCustomer(eraser=store, clock=clock, suppression_days=7)
    await store.record([a_purchase()])
    receipt = await erase("customer-1")
    assert (receipt.at, receipt.suppressed_until) == (NOW, NOW + 7 * DAY)
    assert (receipt.erased.purchases, receipt.erased.complete) == (1, True)
    clock.now += DAY
    assert (await erase("customer-1")).suppressed_until == NOW + 8 * DAY


async def test_of_an_unfinished_erasure_the_suppression_has_no_end() -> None:
    erase = EraseCustomer(eraser=Unfinished(), clock=ManualClock(NOW), suppression_days=7)
    receipt = await erase("customer-1")
    assert (receipt.erased.complete, receipt.suppressed_until) == (False, None)


async def test_what_is_no_customer_id_is_refused() -> None:
    erase = EraseCustomer(eraser=Unfinished(), clock=ManualClock(NOW), suppression_days=7)
    with pytest.raises(InvalidRequest) as caught:
        await erase("")
    assert caught.value.field == "customer_id"


async def test_who_came_back_is_erased_again_and_the_suppression_ends_when_it_would_have() -> None:
    clock = ManualClock(NOW)
    store = ReferenceStore(clock=clock)
    erase = EraseCustomer(eraser=store, clock=clock, suppression_days=7)
    back = a_purchase(customer_id="back")
    over = a_purchase(customer_id="over")
    await erase("over")
    clock.now += 4 * DAY
    for customer in ("back", "gone"):
        await erase(customer)
    clock.now += 3 * DAY
    for purchase in (back, over):  # as a restore brings them back, beside their marks
        store.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    again = EraseAgain(eraser=store, erase=erase)
    assert await again() == ErasedAgain(suppressed=2, had_come_back=1, unfinished=0)
    assert list(store.purchases) == [("over", over.purchase_id)]  # may buy again since
    assert store.suppressed_until["back"] == NOW + 11 * DAY
    assert await again() == ErasedAgain(suppressed=2, had_come_back=0, unfinished=0)


async def test_an_erasure_that_was_interrupted_is_finished_with_an_end_of_its_own() -> None:
    clock = ManualClock(NOW)
    store = ReferenceStore(clock=clock, purchases=[a_purchase()])
    store.suppressed_until["customer-1"] = UNFINISHED
    erase = EraseCustomer(eraser=store, clock=clock, suppression_days=7)
    found = await EraseAgain(eraser=store, erase=erase)()
    assert found == ErasedAgain(suppressed=1, had_come_back=1, unfinished=0)
    assert store.suppressed_until["customer-1"] == NOW + 7 * DAY


async def test_what_is_still_not_finished_is_counted() -> None:
    eraser = Unfinished()
    erase = EraseCustomer(eraser=eraser, clock=ManualClock(NOW), suppression_days=7)
    found = await EraseAgain(eraser=eraser, erase=erase)()
    assert found == ErasedAgain(suppressed=1, had_come_back=1, unfinished=1)

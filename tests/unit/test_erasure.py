"""Erase a customer: when the suppression ends, and who is a customer."""

import pytest

from domain.customers import EraseCustomer, Erasure
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

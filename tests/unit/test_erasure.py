"""Erase a customer: when the suppression ends, and who is a customer."""

from collections.abc import AsyncIterator, Mapping

import pytest

from domain.customers import UNFINISHED, EraseAgain, EraseCustomer, ErasedAgain, Erasure
from domain.errors import InvalidRequest, StoreUnavailable
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


class Steps(ReferenceStore):
    """A store that writes down when it is erased from, and what is hidden beside it."""

    def __init__(self, *, clock: ManualClock, fails: str = "") -> None:
        super().__init__(clock=clock)
        self.steps: list[str] = []
        self.fails = fails

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        self.steps.append("erase")
        return await super().erase(customer_id, suppressed_until=suppressed_until)

    def use_case(self) -> EraseCustomer:
        return EraseCustomer(
            eraser=self,
            clock=self.clock,
            suppression_days=7,
            decisions=Hiding(self, "decisions"),
            campaigns=HidingCampaigns(self),
        )


class Hiding:
    """Writes down what is asked of it."""

    def __init__(self, written: Steps, what: str) -> None:
        self._written, self._what = written, what

    def begin(self, customer_id: str, at: int, /) -> None:
        del customer_id, at
        if self._what == self._written.fails:
            raise StoreUnavailable("the bucket does not answer")
        self._written.steps.append(f"begin {self._what}")

    def finish(self, customer_id: str, at: int, /) -> None:
        del customer_id, at
        self._written.steps.append(f"finish {self._what}")


class HidingCampaigns:
    """The same, where there are campaigns."""

    def __init__(self, written: Steps) -> None:
        self._hiding = Hiding(written, "campaigns")
        self.finish = self._hiding.finish

    def begin(self, customer_id: str, at: int, /) -> bool:
        self._hiding.begin(customer_id, at)
        return True


HIDDEN_AROUND = [
    "begin decisions",
    "begin campaigns",
    "erase",
    "finish decisions",
    "finish campaigns",
]


async def test_decisions_and_campaigns_are_hidden_before_and_finished_after() -> None:
    store = Steps(clock=ManualClock(NOW))
    receipt = await store.use_case()("customer-1")
    assert store.steps == HIDDEN_AROUND
    assert (receipt.decisions_hidden, receipt.campaigns_hidden) == (True, True)


@pytest.mark.parametrize("fails", ["decisions", "campaigns"])
async def test_where_one_of_them_cannot_be_hidden_nothing_is_erased(fails: str) -> None:
    store = Steps(clock=ManualClock(NOW), fails=fails)
    await store.record([a_purchase()])
    with pytest.raises(StoreUnavailable):
        await store.use_case()("customer-1")
    assert "erase" not in store.steps
    assert store.purchases


@pytest.mark.parametrize("until", [UNFINISHED, NOW + DAY])
async def test_erasing_again_hides_and_finishes_both(until: int) -> None:
    """An erasure may have been interrupted after the store was done and before they were."""
    store = Steps(clock=ManualClock(NOW))
    store.suppressed_until["customer-1"] = until
    found = await EraseAgain(eraser=store, erase=store.use_case())()
    assert (found.suppressed, store.steps) == (1, HIDDEN_AROUND)


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

"""The reference store fails as it is told to: without an effect, or after it."""

import asyncio

import pytest

from domain.cost import Units, metered
from domain.errors import StoreUnavailable
from domain.purchases import Cancelling, Recording
from domain.recent import as_listed
from domain.values import day_of
from tests.builders import NOW, a_purchase
from tests.doubles.store import Call, ReferenceStore, failing_with, no_trouble, silent_about

pytestmark = pytest.mark.anyio
SILENCE = StoreUnavailable("no answer")


async def test_a_refused_write_has_no_effect() -> None:
    store = ReferenceStore()
    store.refuse = failing_with(SILENCE, "record")
    with pytest.raises(StoreUnavailable):
        await store.record([a_purchase()])
    assert not store.purchases
    assert await store.cancel("customer-1", "purchase-1") is Cancelling.CANCELLED


async def test_a_write_whose_answer_is_lost_has_its_effect() -> None:
    store = ReferenceStore()
    store.lose = failing_with(SILENCE)
    with pytest.raises(StoreUnavailable):
        await store.record([a_purchase()])
    store.lose = no_trouble
    assert await store.record([a_purchase()]) == [Recording.DUPLICATE]


async def test_it_is_silent_about_some_customers_alone() -> None:
    store = ReferenceStore([a_purchase()])
    store.refuse = silent_about("customer-2")
    assert (await store.one("customer-1")).purchases == [as_listed(a_purchase())]
    with pytest.raises(StoreUnavailable):
        await store.read(["customer-1", "customer-2"])


async def test_the_unread_are_named_and_their_neighbours_answered() -> None:
    store = ReferenceStore([a_purchase()])
    store.unread = frozenset({"customer-2"})
    batch = await store.read(["customer-2", "customer-1"])
    assert [history.customer_id for history in batch.histories] == ["customer-1"]
    assert batch.unread == ["customer-2"]


async def test_days_that_overflow_are_named_and_left_out() -> None:
    store = ReferenceStore([a_purchase(purchased_at=NOW)])
    store.overflowing = frozenset({day_of(NOW)})
    history = await store.one("customer-1")
    assert not history.purchases
    assert history.overflow_days == {day_of(NOW)}


async def test_calls_are_noted_counted_and_seen_side_by_side() -> None:
    store = ReferenceStore([a_purchase()])
    with metered() as cost:
        await asyncio.gather(store.one("customer-1"), store.one("customer-2"))
    assert store.calls == [Call("one", ("customer-1",)), Call("one", ("customer-2",))]
    assert (cost.round_trips, cost.reads) == (2, Units(measured=1.0))
    assert store.busiest_of["one"] == 2
    assert not store.busy.total()

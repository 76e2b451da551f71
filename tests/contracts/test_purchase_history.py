"""What every PurchaseHistory promises."""

import pytest

from domain.errors import InvalidRequest
from domain.instant import MICROS_PER_DAY
from domain.purchase_retention import PurchaseRetention
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, recent_of

pytestmark = pytest.mark.anyio


async def test_an_unknown_customer_has_an_empty_history(store: Store) -> None:
    assert await store.history.between("nobody", after=0, until=NOW) == []


@pytest.mark.parametrize(("offset_us", "inside"), [(-1, False), (0, False), (1, True)])
async def test_the_lower_edge_is_outside(store: Store, offset_us: int, *, inside: bool) -> None:
    after = NOW - 30 * MICROS_PER_DAY
    purchase = a_purchase(purchased_at=after + offset_us)
    await store.recorder.record([purchase])
    read = await store.history.between(purchase.customer_id, after=after, until=NOW)
    assert read == ([purchase] if inside else [])


@pytest.mark.parametrize(("offset_us", "inside"), [(-1, True), (0, True), (1, False)])
async def test_the_upper_edge_is_inside(store: Store, offset_us: int, *, inside: bool) -> None:
    purchase = a_purchase(purchased_at=NOW + offset_us)
    await store.recorder.record([purchase])
    read = await store.history.between(purchase.customer_id, after=0, until=NOW)
    assert read == ([purchase] if inside else [])


async def test_purchases_come_oldest_first_and_ties_by_id(store: Store) -> None:
    purchases = [
        a_purchase(purchase_id=name, purchased_at=NOW - age)
        for name, age in (("c", 2), ("a", 2), ("b", 2), ("newest", 1), ("oldest", 3))
    ]
    await store.recorder.record(purchases)
    read = await store.history.between(purchases[0].customer_id, after=0, until=NOW)
    assert [p.purchase_id for p in read] == ["oldest", "a", "b", "c", "newest"]


async def test_every_field_comes_back_as_it_was(store: Store) -> None:
    purchase = a_purchase(
        customer_id="Zoë | #1",
        purchase_id="+|d20543|日本",
        purchased_at=NOW - 123_457,
        category="käse #007 | x",
        amount_minor=0,
    )
    await store.recorder.record([purchase])
    assert await store.history.between("Zoë | #1", after=0, until=NOW) == [purchase]
    (recent,) = await recent_of(store, "Zoë | #1")
    assert recent.purchases == [purchase]


async def test_other_customers_purchases_stay_out(store: Store) -> None:
    await store.recorder.record([a_purchase(customer_id="other", purchased_at=NOW)])
    assert await store.history.between("othe", after=0, until=NOW) == []


async def test_nobody_can_ask_back_beyond_the_retention_of_purchases(store: Store) -> None:
    kept = store.keeping(PurchaseRetention(40))
    known_since = NOW - 41 * MICROS_PER_DAY  # a day of grace included
    purchase = a_purchase(purchased_at=known_since + 1)
    await kept.recorder.record([purchase])
    asked = kept.history.between(purchase.customer_id, after=known_since, until=NOW)
    assert list(await asked) == [purchase]
    with pytest.raises(InvalidRequest, match="purchases are kept for 40 days"):
        await kept.history.between(purchase.customer_id, after=known_since - 1, until=NOW)

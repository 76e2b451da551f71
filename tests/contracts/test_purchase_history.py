"""What every PurchaseHistory promises."""

import pytest

from domain.errors import InvalidRequest
from domain.purchases import PurchaseHistory
from domain.recent import as_listed
from domain.retention import PurchaseRetention
from domain.values import MICROS_PER_DAY
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, recent_of

pytestmark = pytest.mark.anyio

LATELY = NOW - 30 * MICROS_PER_DAY
"""After here recent purchases suffice; after 0 they never do."""


@pytest.fixture
def history(store: Store) -> PurchaseHistory:
    return store.history


@pytest.fixture(params=[0, LATELY], ids=["ever", "lately"])
def after(request: pytest.FixtureRequest) -> int:
    return int(request.param)


async def test_an_unknown_customer_has_an_empty_history(
    history: PurchaseHistory, after: int
) -> None:
    assert await history.between("nobody", after=after, until=NOW) == []


@pytest.mark.parametrize(("offset_us", "inside"), [(-1, False), (0, False), (1, True)])
async def test_the_lower_edge_is_outside(
    store: Store, history: PurchaseHistory, offset_us: int, *, inside: bool
) -> None:
    purchase = a_purchase(purchased_at=LATELY + offset_us)
    await store.recorder.record([purchase])
    read = await history.between(purchase.customer_id, after=LATELY, until=NOW)
    assert read == ([purchase] if inside else [])


@pytest.mark.parametrize(("offset_us", "inside"), [(-1, True), (0, True), (1, False)])
async def test_the_upper_edge_is_inside(
    store: Store, history: PurchaseHistory, after: int, offset_us: int, *, inside: bool
) -> None:
    purchase = a_purchase(purchased_at=NOW + offset_us)
    await store.recorder.record([purchase])
    read = await history.between(purchase.customer_id, after=after, until=NOW)
    assert read == ([purchase] if inside else [])


async def test_purchases_come_oldest_first_and_ties_by_id(
    store: Store, history: PurchaseHistory, after: int
) -> None:
    purchases = [
        a_purchase(purchase_id=name, purchased_at=NOW - age)
        for name, age in (("c", 2), ("a", 2), ("b", 2), ("newest", 1), ("oldest", 3))
    ]
    await store.recorder.record(purchases)
    read = await history.between(purchases[0].customer_id, after=after, until=NOW)
    assert [p.purchase_id for p in read] == ["oldest", "a", "b", "c", "newest"]


async def test_every_field_comes_back_as_it_was(
    store: Store, history: PurchaseHistory, after: int
) -> None:
    purchase = a_purchase(
        customer_id="Zoë | #1",
        purchase_id="+|d20543|日本",
        purchased_at=NOW - 123_457,
        category="käse #007 | x",
        amount_minor=0,
    )
    await store.recorder.record([purchase])
    assert await history.between("Zoë | #1", after=after, until=NOW) == [purchase]
    (recent,) = await recent_of(store, "Zoë | #1")
    assert recent.purchases == [as_listed(purchase)]


async def test_other_customers_purchases_stay_out(
    store: Store, history: PurchaseHistory, after: int
) -> None:
    await store.recorder.record([a_purchase(customer_id="other", purchased_at=NOW)])
    assert await history.between("othe", after=after, until=NOW) == []


async def test_a_day_too_full_to_keep_is_read_completely(
    store: Store, history: PurchaseHistory, after: int
) -> None:
    crowd = [a_purchase(purchase_id=f"p{n:03d}", purchased_at=NOW - n) for n in range(120)]
    for start in range(0, len(crowd), 40):
        await store.recorder.record(crowd[start : start + 40])
    assert await history.between(crowd[0].customer_id, after=after, until=NOW) == crowd[::-1]


async def test_nobody_can_ask_back_beyond_the_retention_of_purchases(store: Store) -> None:
    kept = store.keeping(PurchaseRetention(40))
    known_since = NOW - 41 * MICROS_PER_DAY  # a day of grace included
    purchase = a_purchase(purchased_at=known_since + 1)
    await kept.recorder.record([purchase])
    asked = kept.history.between(purchase.customer_id, after=known_since, until=NOW)
    assert list(await asked) == [purchase]
    with pytest.raises(InvalidRequest, match="40 days"):
        await kept.history.between(purchase.customer_id, after=known_since - 1, until=NOW)

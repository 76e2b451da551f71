"""What every RecentRebuilder promises; what only DynamoDB can have wrong is tests/integration/test_rebuild.py's."""

import asyncio
import random

import pytest

from domain.recent import as_listed
from domain.values import MICROS_PER_DAY
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, recent_of

pytestmark = pytest.mark.anyio


async def test_where_nothing_is_wrong_nothing_is_written(store: Store) -> None:
    purchase = a_purchase(purchased_at=NOW)
    await store.recorder.record([purchase])
    assert not await store.rebuilder.rebuild(purchase.customer_id)
    assert not await store.rebuilder.rebuild("nobody")
    (recent,) = await recent_of(store, purchase.customer_id)
    assert recent.purchases == [as_listed(purchase)]


async def test_whoever_records_or_cancels_meanwhile_is_neither_lost_nor_doubled(
    store: Store,
) -> None:
    purchases = [
        a_purchase(purchase_id=f"p{n:02d}", purchased_at=NOW - n * 2 * MICROS_PER_DAY)
        for n in range(11)
    ]
    customer = purchases[0].customer_id
    calls = [store.recorder.record([purchase]) for purchase in purchases]
    calls += [store.canceller.cancel(customer, p.purchase_id) for p in purchases[::3]]  # type: ignore[misc]
    calls += [store.rebuilder.rebuild(customer) for _ in range(6)]  # type: ignore[misc]
    random.Random(5).shuffle(calls)
    await asyncio.gather(*calls)
    await store.rebuilder.rebuild(customer)
    kept = [purchase for number, purchase in enumerate(purchases) if number % 3]
    (recent,) = await recent_of(store, customer)
    assert list(recent.purchases) == kept[::-1]
    assert list(await store.history.between(customer, after=0, until=NOW)) == kept[::-1]


async def test_everybody_who_is_stored_is_named_once(store: Store) -> None:
    for customer in ("a", "b", "c"):
        await store.recorder.record([a_purchase(customer_id=customer, purchased_at=NOW)])
    named = [customer async for page in store.rebuilder.stored() for customer in page]
    assert sorted(named) == ["a", "b", "c"]

"""What every CategoryIndex promises."""

import pytest

from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store

pytestmark = pytest.mark.anyio


async def members(store: Store, category: str) -> list[list[str]]:
    return [
        [customer async for customer in store.index.customers(category, shard=shard)]
        for shard in range(store.index.shards)
    ]


async def test_a_category_nobody_bought_in_is_empty(store: Store) -> None:
    assert await store.index.categories() == []
    assert await members(store, "jewellery") == [[]] * store.index.shards


async def test_every_category_ever_bought_in_is_listed_once(store: Store) -> None:
    for number, category in enumerate(["shirts", "jewellery", "shirts"]):
        await store.recorder.record(
            [a_purchase(purchase_id=f"p{number}", category=category, purchased_at=NOW)]
        )
    assert await store.index.categories() == ["jewellery", "shirts"]


async def test_a_shard_yields_each_customer_once_and_ascending(store: Store) -> None:
    customers = [f"customer-{n}" for n in range(30)]
    for customer in customers:
        await store.recorder.record(
            [
                a_purchase(customer_id=customer, purchase_id=f"p{n}", purchased_at=NOW - n)
                for n in range(3)
            ]
        )
    shards = await members(store, a_purchase().category)
    assert sorted(customer for shard in shards for customer in shard) == sorted(customers)
    assert all(shard == sorted(shard) for shard in shards)
    assert sum(bool(shard) for shard in shards) > 1


async def test_a_customer_is_in_the_same_shard_of_every_category(store: Store) -> None:
    for category in ("shirts", "jewellery"):
        await store.recorder.record(
            [a_purchase(purchase_id=category, category=category, purchased_at=NOW)]
        )
    assert await members(store, "shirts") == await members(store, "jewellery")


async def test_a_category_is_not_confused_with_one_that_starts_alike(store: Store) -> None:
    await store.recorder.record([a_purchase(category="shirts#001", purchased_at=NOW)])
    assert await members(store, "shirts") == [[]] * store.index.shards

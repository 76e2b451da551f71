"""What every CategoryIndex promises."""

import pytest

from domain.categories import IndexPage
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store

pytestmark = pytest.mark.anyio

CATEGORY = a_purchase().category
CUSTOMERS = ["Zoë", "zoe", "日本", "😀", "\uffee", *(f"customer-{n}" for n in range(20))]


async def pages(
    store: Store, category: str, shard: int, *, most: int | None = None
) -> list[IndexPage]:
    found = [await store.index.page(category, shard=shard, after=None, most=most)]
    while found[-1].more:
        after = found[-1].customers[-1]
        found.append(await store.index.page(category, shard=shard, after=after, most=most))
    return found


async def members(store: Store, category: str, *, most: int | None = None) -> list[list[str]]:
    return [
        [c for page in await pages(store, category, shard, most=most) for c in page.customers]
        for shard in range(store.index.shards)
    ]


async def record_thrice(store: Store, *customers: str) -> None:
    for customer in customers:
        await store.recorder.record(
            [
                a_purchase(customer_id=customer, purchase_id=f"p{n}", purchased_at=NOW - n)
                for n in range(3)
            ]
        )


async def test_a_category_nobody_bought_in_is_empty(store: Store) -> None:
    assert await store.index.categories() == {}
    assert await store.index.size_of("jewellery") is None
    assert await members(store, "jewellery") == [[]] * store.index.shards


async def test_every_category_ever_bought_in_is_listed_once(store: Store) -> None:
    for number, category in enumerate(["shirts", "jewellery", "shirts"]):
        await store.recorder.record(
            [a_purchase(purchase_id=f"p{number}", category=category, purchased_at=NOW)]
        )
    listed = await store.index.categories()
    assert list(listed) == ["jewellery", "shirts"]
    for category, size in listed.items():
        assert await store.index.size_of(category) == size
        assert size.partitions == store.index.shards
    assert await store.index.size_of("shirt") is None


async def test_a_category_tells_about_how_many_customers_it_has(store: Store) -> None:
    customers = [f"customer-{n}" for n in range(40)]
    await record_thrice(store, *customers)
    for customer in customers[:10]:
        await store.recorder.record(
            [a_purchase(customer_id=customer, purchase_id="p", category="few", purchased_at=NOW)]
        )
    listed = await store.index.categories()
    counts = {category: size.customers for category, size in listed.items()}
    assert counts == {"few": pytest.approx(10, rel=0.3), CATEGORY: pytest.approx(40, rel=0.3)}


async def test_a_purchase_sent_again_does_not_count_its_customer_again(store: Store) -> None:
    await record_thrice(store, "a", "b")
    counts = await store.index.categories()
    await record_thrice(store, "b", "a", "b")
    assert await store.index.categories() == counts


async def test_every_customer_is_in_one_shard_ascending_by_utf_8(store: Store) -> None:
    await record_thrice(store, *CUSTOMERS)
    shards = await members(store, CATEGORY)
    assert sorted(customer for shard in shards for customer in shard) == sorted(CUSTOMERS)
    assert all(shard == sorted(shard, key=str.encode) for shard in shards)
    assert sum(bool(shard) for shard in shards) > 1


async def test_pages_of_any_size_yield_every_customer_once(store: Store) -> None:
    await record_thrice(store, *CUSTOMERS)
    whole = await members(store, CATEGORY, most=None)
    for most in (1, 2, 7):
        assert await members(store, CATEGORY, most=most) == whole


async def test_pages_stay_near_their_size(store: Store) -> None:
    await record_thrice(store, *CUSTOMERS)
    for shard in range(store.index.shards):
        for page in await pages(store, CATEGORY, shard, most=3):
            assert len(page.customers) <= 6


async def test_a_page_is_never_empty_while_there_is_more(store: Store) -> None:
    await record_thrice(store, *CUSTOMERS)
    for most in (1, 2, 7, None):
        for shard in range(store.index.shards):
            read = await pages(store, CATEGORY, shard, most=most)
            assert all(page.customers or not page.more for page in read)


async def test_a_page_may_begin_after_a_customer_who_never_bought(store: Store) -> None:
    await record_thrice(store, *CUSTOMERS)
    for shard, customers in enumerate(await members(store, CATEGORY)):
        for position, customer in enumerate(customers):
            page = await store.index.page(CATEGORY, shard=shard, after=f"{customer}\x01", most=None)
            assert page.customers == customers[position + 1 :]
        page = await store.index.page(CATEGORY, shard=shard, after="\U0010ffff", most=None)
        assert (list(page.customers), page.more) == ([], False)


async def test_a_customer_is_in_the_same_shard_of_every_category(store: Store) -> None:
    for category in ("shirts", "jewellery"):
        await store.recorder.record(
            [a_purchase(purchase_id=category, category=category, purchased_at=NOW)]
        )
    assert await members(store, "shirts") == await members(store, "jewellery")


async def test_a_category_is_not_confused_with_one_that_starts_alike(store: Store) -> None:
    await store.recorder.record([a_purchase(category="shirts#001", purchased_at=NOW)])
    assert await members(store, "shirts") == [[]] * store.index.shards


async def record_once(store: Store, *customers: str) -> None:
    for customer in customers:
        await store.recorder.record([a_purchase(customer_id=customer, purchased_at=NOW)])


async def spread_while_written(store: Store) -> None:
    """Half of the customers came before each of two raises; one is seen at every stage."""
    await record_thrice(store, *CUSTOMERS[::2])
    twice = await store.spread(CATEGORY, 2)
    await record_once(twice, *CUSTOMERS[1::4], "Zoë")
    four = await store.spread(CATEGORY, 4)
    await record_once(four, *CUSTOMERS[3::4], "Zoë")


async def test_a_raise_between_writes_leaves_everybody_in_their_shard(store: Store) -> None:
    await record_thrice(store, *CUSTOMERS)
    before = await members(store, CATEGORY)
    later = await store.spread(CATEGORY, 4)
    more = [f"later-{n}" for n in range(12)]
    await record_once(store, *more[:6])
    await record_once(later, *more[6:], *CUSTOMERS[::3])
    after = await members(store, CATEGORY)
    assert [[c for c in shard if c not in more] for shard in after] == before
    assert sorted(c for shard in after for c in shard) == sorted([*CUSTOMERS, *more])


async def test_pages_keep_every_promise_where_a_category_is_spread(store: Store) -> None:
    await spread_while_written(store)
    whole = await members(store, CATEGORY)
    assert sorted(customer for shard in whole for customer in shard) == sorted(CUSTOMERS)
    assert all(shard == sorted(shard, key=str.encode) for shard in whole)
    for most in (1, 2, 7):
        for shard in range(store.index.shards):
            read = await pages(store, CATEGORY, shard, most=most)
            assert [c for page in read for c in page.customers] == whole[shard]
            assert all(page.customers or not page.more for page in read)
            assert all(len(page.customers) <= 2 * most for page in read)


async def test_a_raise_between_pages_hides_nobody_whose_page_comes_later(store: Store) -> None:
    await record_thrice(store, *CUSTOMERS)
    fullest = max(await members(store, CATEGORY), key=len)
    shard = (await members(store, CATEGORY)).index(fullest)
    first = await store.index.page(CATEGORY, shard=shard, after=None, most=1)
    assert first.more
    later = await store.spread(CATEGORY, 2)
    await record_once(later, *(f"{name}+" for name in CUSTOMERS))
    found = list(first.customers)
    more = True
    while more:
        page = await store.index.page(CATEGORY, shard=shard, after=found[-1], most=1)
        found += page.customers
        more = page.more
    whole = (await members(store, CATEGORY))[shard]
    assert found == [*first.customers, *(c for c in whole if c > first.customers[-1])]
    assert set(fullest) < set(found)

"""A sample for training: whole shards, then lots; everybody at most once, nobody left out."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from domain.errors import StoreUnavailable
from domain.features import Histories
from domain.retention import PurchaseRetention
from domain.training import CollectHistories
from tests.builders import DAY, NOW, a_history, a_purchase, missing
from tests.doubles.store import ReferenceStore, silent_about

BOUGHT = {"books": "abcdef", "toys": "bdfi"}
"""Of three shards the first lists c, f and i, the second a and d, the third b and e."""


def a_shop(
    bought: Mapping[str, Iterable[str]] = BOUGHT, *, shards: int = 3, page_size: int = 1_000
) -> ReferenceStore:
    """Each customer has bought in these categories, at NOW - 1, NOW and NOW + 1."""
    purchases = [
        a_purchase(
            customer_id=customer, purchase_id=f"{category} {at}", category=category, purchased_at=at
        )
        for category, customers in bought.items()
        for customer in customers
        for at in (NOW - 1, NOW, NOW + 1)
    ]
    return ReferenceStore(purchases, shards=shards, page_size=page_size)


def collect(
    store: ReferenceStore, *, most: int = 1_000, progress: list[tuple[int, int]] | None = None
) -> Histories:
    seen = [] if progress is None else progress
    service = CollectHistories(index=store, history=store, clock=lambda: NOW)
    return asyncio.run(
        service(most_customers=most, on_progress=lambda done, total: seen.append((done, total)))
    )


def read(store: ReferenceStore) -> list[str]:
    """Whose histories were read, in ascending order."""
    return sorted(customer for call in store.calls_of("between") for customer in call.customers)


def test_every_customer_is_read_once_however_many_categories_they_buy_in() -> None:
    store = a_shop()
    collect(store)
    assert read(store) == list("abcdefi")


def test_histories_are_whole_and_end_now() -> None:
    histories = collect(a_shop({"books": "abc", "toys": "def"}))
    assert len(histories) == 6
    assert sorted(set(histories.purchased_at.tolist())) == [NOW - 1, NOW]
    assert len(histories.purchased_at) == 12


def test_of_purchases_that_are_not_kept_for_ever_only_the_kept_ones_are_read() -> None:
    days = a_history(NOW - 40 * DAY, NOW - 40 * DAY + 1, NOW, customer_id="a")
    store = ReferenceStore(days)
    service = CollectHistories(
        index=store, history=store, clock=lambda: NOW, retention=PurchaseRetention(40)
    )
    histories = asyncio.run(service(most_customers=1, on_progress=lambda *_: None))
    assert histories.purchased_at.tolist() == [NOW - 40 * DAY + 1, NOW]


def test_shards_are_taken_whole_until_there_are_enough_customers() -> None:
    store = a_shop()
    collect(store, most=3)
    assert read(store) == ["c", "f", "i"]
    assert [call.given for call in store.calls_of("page")] == [("books", 0), ("toys", 0)]


def drawn(most: int, *, customers: int = 1_000) -> list[str]:
    """Whom a sample of one large shard holds, in ascending order."""
    purchases = [
        a_purchase(customer_id=f"customer-{number:04}", category="books")
        for number in range(customers)
    ]
    store = ReferenceStore(purchases, shards=1)
    collect(store, most=most)
    return read(store)


def test_a_shard_is_cut_by_lot_and_not_in_the_order_of_ids() -> None:
    sample = drawn(100)
    assert len(sample) == 100
    halves = Counter(customer < "customer-0500" for customer in sample)
    assert min(halves[True], halves[False]) > 30
    assert (sample[0] < "customer-0100", sample[-1] > "customer-0900") == (True, True)


def test_the_same_customers_are_drawn_again_and_a_larger_sample_keeps_them() -> None:
    assert drawn(100) == drawn(100)
    assert set(drawn(100)) < set(drawn(101))


def test_the_lot_of_a_customer_does_not_depend_on_where_they_buy() -> None:
    one = a_shop({"books": "abcdef"}, shards=1)
    collect(one, most=3)
    other = a_shop({f"category-{name}": [name] for name in "fedcba"}, shards=1)
    collect(other, most=3)
    assert read(one) == read(other)


@pytest.mark.parametrize("most", [1, 2, 4, 5])
def test_no_more_customers_are_read_than_asked_for(most: int) -> None:
    store = a_shop()
    assert len(collect(store, most=most)) == len(read(store)) == most


@pytest.mark.parametrize("categories", [1, 16, 17, 100])
def test_any_number_of_categories_is_read_some_at_a_time(categories: int) -> None:
    customers = [f"customer-{number:03}" for number in range(categories)]
    store = a_shop({f"of {name}": [name] for name in customers}, shards=1)
    assert len(collect(store)) == categories
    assert read(store) == customers
    assert store.busiest_of["page"] == min(categories, 16)


@pytest.mark.parametrize("page_size", [1, 3, 10])
def test_the_pages_of_a_shard_are_followed_to_its_end(page_size: int) -> None:
    store = a_shop({"books": "abcdefghij"}, shards=1, page_size=page_size)
    assert len(collect(store)) == 10
    assert read(store) == list("abcdefghij")
    assert len(store.calls_of("page")) == -(-10 // page_size)


def test_an_empty_index_gives_no_histories() -> None:
    assert len(collect(a_shop({}))) == 0


def test_progress_rises_to_the_number_of_customers() -> None:
    customers = [f"customer-{number:03}" for number in range(150)]
    progress: list[tuple[int, int]] = []
    assert len(collect(a_shop({"books": customers}, shards=1), progress=progress)) == 150
    assert progress == sorted(progress)
    assert progress[-1] == (150, 150)
    assert len(progress) > 1


def test_a_history_that_cannot_be_read_is_not_left_out() -> None:
    store = a_shop({"books": "ab"})
    store.refuse = silent_about("b")
    with pytest.raises(StoreUnavailable) as caught:
        collect(store)
    assert not missing(caught.value, "b")

import asyncio
from collections import Counter

import pytest

from domain.categories import IndexPage
from domain.errors import StoreUnavailable
from domain.purchases import Histories, Purchase
from domain.retention import PurchaseRetention
from domain.training import CollectHistories
from tests.builders import DAY, NOW, a_history
from tests.fakes import FakeCategoryIndex, FakeHistory

INDEX = {
    "books": [["a", "b"], ["d"], ["e"]],
    "toys": [["b", "c"], [], ["e", "f"]],
}


def history_of(*customers: str) -> FakeHistory:
    """Each customer has bought at NOW - 1, NOW and NOW + 1."""
    purchases: list[Purchase] = []
    for customer in customers:
        purchases += a_history(NOW - 1, NOW, NOW + 1, customer_id=customer)
    return FakeHistory(purchases)


def collect(
    index: FakeCategoryIndex,
    history: FakeHistory,
    *,
    most: int = 1_000,
    progress: list[tuple[int, int]] | None = None,
) -> Histories:
    seen = [] if progress is None else progress
    service = CollectHistories(index=index, history=history, clock=lambda: NOW)
    return asyncio.run(
        service(most_customers=most, on_progress=lambda done, total: seen.append((done, total)))
    )


def test_every_customer_is_read_once_however_many_categories_they_buy_in() -> None:
    history = history_of(*"abcdef")
    collect(FakeCategoryIndex(INDEX, shards=3), history)
    assert sorted(customer for customer, _, _ in history.asked) == list("abcdef")


def test_histories_are_whole_and_end_now() -> None:
    histories = collect(FakeCategoryIndex(INDEX, shards=3), history_of(*"abcdef"))
    assert len(histories) == 6
    assert sorted(set(histories.purchased_at.tolist())) == [NOW - 1, NOW]
    assert len(histories.purchased_at) == 12


def test_of_purchases_that_are_not_kept_for_ever_only_the_kept_ones_are_read() -> None:
    history = FakeHistory(
        a_history(NOW - 40 * DAY, NOW - 40 * DAY + 1, NOW, customer_id="a"),
    )
    service = CollectHistories(
        index=FakeCategoryIndex({"books": [["a"]]}, shards=1),
        history=history,
        clock=lambda: NOW,
        retention=PurchaseRetention(40),
    )
    histories = asyncio.run(service(most_customers=1, on_progress=lambda *_: None))
    assert histories.purchased_at.tolist() == [NOW - 40 * DAY + 1, NOW]


def test_shards_are_taken_whole_until_there_are_enough_customers() -> None:
    index, history = FakeCategoryIndex(INDEX, shards=3), history_of(*"abcdef")
    collect(index, history, most=3)
    assert {customer for customer, _, _ in history.asked} == {"a", "b", "c"}
    assert index.read == [("books", 0), ("toys", 0)]


def drawn(most: int, *, customers: int = 1_000) -> list[str]:
    """Whom a sample of one large shard holds, in ascending order."""
    history = FakeHistory()
    members = [f"customer-{number:04}" for number in range(customers)]
    collect(FakeCategoryIndex({"books": [members]}, shards=1), history, most=most)
    return sorted(customer for customer, _, _ in history.asked)


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
    one, other = FakeHistory(), FakeHistory()
    collect(FakeCategoryIndex({"books": [list("abcdef")]}, shards=1), one, most=3)
    apart = {f"category-{name}": [[name]] for name in "fedcba"}
    collect(FakeCategoryIndex(apart, shards=1), other, most=3)
    assert one.asked == other.asked


@pytest.mark.parametrize("most", [1, 2, 4, 5])
def test_no_more_customers_are_read_than_asked_for(most: int) -> None:
    history = history_of(*"abcdef")
    histories = collect(FakeCategoryIndex(INDEX, shards=3), history, most=most)
    assert len(histories) == len(history.asked) == most


class BusyIndex(FakeCategoryIndex):
    """Counts how many categories are read at the same time."""

    busy = busiest = 0

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0)  # lets the other reads in, as a store does
        page = await super().page(category, shard=shard, after=after, most=most)
        self.busy -= 1
        return page


@pytest.mark.parametrize("categories", [1, 16, 17, 100])
def test_any_number_of_categories_is_read_some_at_a_time(categories: int) -> None:
    customers = [f"customer-{number:03}" for number in range(categories)]
    index = BusyIndex({f"of {name}": [[name]] for name in customers}, shards=1)
    history = FakeHistory()
    assert len(collect(index, history)) == categories
    assert sorted(customer for customer, _, _ in history.asked) == customers
    assert index.busiest == min(categories, 16)


@pytest.mark.parametrize("page_size", [1, 3, 10])
def test_the_pages_of_a_shard_are_followed_to_its_end(page_size: int) -> None:
    history = FakeHistory()
    index = FakeCategoryIndex({"books": [list("abcdefghij")]}, shards=1, page_size=page_size)
    assert len(collect(index, history)) == 10
    assert sorted(customer for customer, _, _ in history.asked) == list("abcdefghij")
    assert len(index.read) == -(-10 // page_size)


def test_an_empty_index_gives_no_histories() -> None:
    assert len(collect(FakeCategoryIndex({}, shards=3), FakeHistory())) == 0


def test_progress_rises_to_the_number_of_customers() -> None:
    customers = [f"customer-{number:03}" for number in range(150)]
    progress: list[tuple[int, int]] = []
    index = FakeCategoryIndex({"books": [customers]}, shards=1)
    histories = collect(index, history_of(*customers), progress=progress)
    assert len(histories) == 150
    assert progress == sorted(progress)
    assert progress[-1] == (150, 150)
    assert len(progress) > 1


def test_a_history_that_cannot_be_read_is_not_left_out() -> None:
    history = FakeHistory(a_history(NOW, customer_id="a"), silent=["b"])
    with pytest.raises(StoreUnavailable, match="no answer about b"):
        collect(FakeCategoryIndex({"books": [["a", "b"]]}, shards=1), history)

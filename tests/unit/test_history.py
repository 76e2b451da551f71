from typing import Any

import numpy as np
import pytest
from hypothesis import given

from domain.errors import CorruptRecord
from domain.features import Histories
from domain.purchases import Purchase
from tests.builders import NOW, a_history, a_purchase
from tests.strategies import batches


def everything(histories: Histories) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(histories.purchased_at), dtype=np.bool_)


def count(histories: Histories, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> list[int]:
    return list(map(int, histories.reduced(np.add, chosen, empty=0)))


def largest(histories: Histories, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> list[int]:
    at = np.where(chosen, histories.purchased_at, -1)
    return list(map(int, histories.reduced(np.maximum, at, empty=-1)))


def total(histories: Histories) -> list[int]:
    return list(map(int, histories.reduced(np.add, histories.amount_minor, empty=0)))


@given(batches)
def test_each_customer_owns_a_span_of_the_columns(batch: list[list[Purchase]]) -> None:
    histories = Histories.of(batch)
    assert len(histories) == len(batch)
    for position, purchases in enumerate(batch):
        own = slice(histories.offsets[position], histories.offsets[position + 1])
        assert histories.purchased_at[own].tolist() == [p.purchased_at for p in purchases]
        assert histories.amount_minor[own].tolist() == [p.amount_minor for p in purchases]
        categories = [histories.categories[code] for code in histories.category[own]]
        assert categories == [p.category for p in purchases]
        assert (histories.customer[own] == position).all()


def test_a_purchase_delivered_twice_is_counted_once() -> None:
    histories = Histories.of([[a_purchase(), a_purchase()]])
    assert count(histories, everything(histories)) == [1]


def test_two_customers_may_use_the_same_purchase_id() -> None:
    histories = Histories.of([[a_purchase()], [a_purchase(customer_id="customer-2")]])
    assert count(histories, everything(histories)) == [1, 1]


def test_two_different_purchases_under_one_id_are_a_corrupt_record() -> None:
    with pytest.raises(CorruptRecord, match="purchase-1"):
        Histories.of([[a_purchase(), a_purchase(amount_minor=1)]])


def test_no_customers_have_no_values() -> None:
    histories = Histories.of([])
    none = everything(histories)
    assert len(histories) == 0
    assert count(histories, none) == []
    assert largest(histories, none) == []


def test_customers_without_purchases_keep_their_places() -> None:
    histories = Histories.of([[], a_history(NOW - 2, NOW - 1), [], a_history(NOW), []])
    chosen = everything(histories)
    assert count(histories, chosen) == [0, 2, 0, 1, 0]
    assert total(histories) == [0, 2500, 0, 1250, 0]
    assert largest(histories, chosen) == [-1, NOW - 1, -1, NOW, -1]


def test_only_chosen_purchases_count() -> None:
    histories = Histories.of([a_history(1, 2, 3), a_history(4)])
    chosen = histories.purchased_at == 2
    assert count(histories, chosen) == [1, 0]
    assert largest(histories, chosen) == [2, -1]


def test_one_customers_total_is_exact_though_all_together_would_not_fit() -> None:
    near_the_limit = a_purchase(amount_minor=2**62)
    histories = Histories.of([[near_the_limit]] * 5)
    assert total(histories) == [2**62] * 5


def test_histories_are_equal_only_to_themselves() -> None:
    one, other = (Histories.of([a_history(NOW - 1, NOW)]) for _ in range(2))
    assert one == one  # noqa: PLR0124  # columns have no truth value, so this once raised
    assert one != other
    assert len({one, other}) == 2

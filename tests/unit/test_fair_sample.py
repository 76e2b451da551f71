"""A fair sample holds what sorting everybody first would give, in whatever order they come."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.features import Histories
from domain.purchases import Purchase
from domain.training import FairSample, fair_sample, place_of
from domain.training.training_set import CutOffs, _held_out_sha256
from tests.builders import NOW, a_purchase
from tests.strategies import batches


def place(customer_id: str) -> int:
    return place_of(customer_id, len(customer_id) % 3)


def sampled(purchases: Sequence[Purchase], most: int) -> FairSample:
    sample = FairSample(most, place)
    for each in purchases:
        if sample.may_hold(each.customer_id):
            sample.take(
                each.customer_id, each.purchased_at, each.amount_minor, each.category, each.refunds
            )
    return sample


def sorted_first(purchases: Sequence[Purchase], most: int) -> Histories:
    ordered = sorted(purchases, key=lambda p: (place(p.customer_id), p.customer_id))
    everybody = [list(mine) for _, mine in groupby(ordered, key=lambda p: p.customer_id)]
    return Histories.of(everybody[:most])


def rows(histories: Histories) -> list[tuple[object, ...]]:
    """Everything that is said of each purchase, in an order of its own."""
    refunds: dict[int, list[tuple[int, int]]] = {}
    refunded = (histories.refund_of, histories.refunded_at, histories.refund_minor)
    for row, at, minor in zip(*(column.tolist() for column in refunded), strict=True):
        refunds.setdefault(row, []).append((at, minor))
    columns = (histories.customer, histories.purchased_at, histories.amount_minor)
    return sorted(
        (
            histories.customer_ids[customer],
            at,
            amount,
            histories.categories[histories.category[row]],
            sorted(refunds.get(row, [])),
        )
        for row, (customer, at, amount) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    )


def digest(histories: Histories) -> str:
    cut_offs = CutOffs(training=(NOW - 2,), held_out=NOW - 1, horizon_us=1)
    return _held_out_sha256(histories, cut_offs, targeted=True)


def check(purchases: Sequence[Purchase], most: int) -> None:
    found, expected = sampled(purchases, most).histories(), sorted_first(purchases, most)
    assert list(found.customer_ids) == list(expected.customer_ids)
    assert found.offsets.tolist() == expected.offsets.tolist()
    assert rows(found) == rows(expected)
    assert digest(found) == digest(expected)


@given(batch=batches, most=st.integers(1, 5), order=st.randoms())
def test_it_is_that_of_whoever_sorts_everybody_first(
    batch: list[list[Purchase]], most: int, order: random.Random
) -> None:
    purchases = [
        replace(purchase, customer_id=f"c{number}")
        for number, history in enumerate(batch)
        for purchase in history
    ]
    order.shuffle(purchases)
    check(purchases, most)


def test_memory_of_those_who_left_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_sample, "_COMPACT_FROM", 10)
    by_place = sorted((f"c{n}" for n in range(400)), key=place, reverse=True)  # each pushes one out
    purchases = [
        a_purchase(customer_id=customer, purchase_id=f"p{n}", purchased_at=NOW - n)
        for customer in by_place
        for n in range(3)
    ]
    sample = sampled(purchases, 5)
    assert len(sample) == 5
    assert len(sample._at) < 60  # noqa: SLF001  # what is held
    check(purchases, 5)


def test_a_sample_of_nobody_is_refused_and_one_of_no_purchases_is_empty() -> None:
    with pytest.raises(ValueError, match="not 0"):
        FairSample(0, place)
    empty = FairSample(3, place).histories()
    assert len(empty) == len(empty.purchased_at) == 0

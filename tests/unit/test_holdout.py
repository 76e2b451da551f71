"""The control group: the same customers every time, of the size that was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audience import Holdout, Listed, Member
from domain.values import BUCKETS, bucket
from tests.builders import one_of_each_bucket

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(IDS, st.integers(0, BUCKETS), st.integers(0, BUCKETS))
def test_a_larger_share_only_adds_customers(customer: str, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert Holdout(large).keeps_out(customer) or not Holdout(small).keeps_out(customer)


@given(IDS)
def test_no_share_keeps_nobody_out_and_the_whole_share_everybody(customer: str) -> None:
    assert not Holdout(0).keeps_out(customer)
    assert Holdout(BUCKETS).keeps_out(customer)


def test_of_all_buckets_a_share_keeps_out_exactly_as_many_as_it_says() -> None:
    customers = one_of_each_bucket(b"holdout")
    for points in (0, 1, 2, 5_000, BUCKETS - 1, BUCKETS):
        assert sum(map(Holdout(points).keeps_out, customers)) == points


def test_who_is_held_out_never_changes() -> None:
    customers = ("customer-1", "customer-2", "кира", "a@b.example")
    numbers = [bucket(customer, b"holdout") for customer in customers]
    assert numbers == [8832, 7596, 1700, 1502]


def test_a_tenth_is_about_a_tenth() -> None:
    held_out = sum(Holdout(1_000).keeps_out(f"customer-{number}") for number in range(20_000))
    assert abs(held_out - 2_000) < 200


@pytest.mark.parametrize(
    ("text", "points"),
    [("10%", 1_000), ("0.1", 1_000), (" 0.01% ", 1), ("0", 0), ("0%", 0), ("99.99 %", 9_999)],
)
def test_a_share_is_a_percentage_or_a_fraction(text: str, points: int) -> None:
    assert Holdout.parse(text) == Holdout(points)


@pytest.mark.parametrize(
    "text",
    ["10", "100%", "1", "-5%", "ten", "", "%", "10%%", "10% of all", "nan", "inf%", "0.001%"],
)
def test_any_other_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Holdout.parse(text)


def test_every_member_is_assigned_in_order() -> None:
    members = [Member(f"customer-{number}", None) for number in range(50)]
    half = Holdout(5_000)
    assert half.assign(members) == [
        Listed(member, half.keeps_out(member.customer_id)) for member in members
    ]

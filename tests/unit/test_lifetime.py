"""The totals of a customer's whole life, and for which instants they tell the truth."""

from dataclasses import replace

import pytest

from domain.errors import CorruptRecord
from domain.features import Aggregation, Feature, FeatureSet, Histories
from domain.purchases import Lifetime, Purchase, PurchaseColumns, Refund
from domain.recent import RecentHistory
from domain.values import BEGINNING, Reach, Window, day_of
from tests.builders import DAY, NOW, USD, a_purchase

EVER = Reach(Window.days(30), ever=True)
COUNT = FeatureSet((Feature(Aggregation.PURCHASE_COUNT, None),), USD)


def bought(*ages: int, refunded: tuple[int, int] | None = None) -> list[Purchase]:
    """Purchases of so many days ago; the first one is given back, so much of it, so long ago."""
    found = [
        a_purchase(purchase_id=f"p{age}", purchased_at=NOW - age * DAY, amount_minor=1_000)
        for age in ages
    ]
    if refunded is not None:
        amount, age = refunded
        found[0] = replace(found[0], refunds=(Refund(NOW - age * DAY, "r", amount),))
    return found


def kept(
    purchases: list[Purchase], *, days: int = 92, lost: frozenset[int] = frozenset()
) -> RecentHistory:
    """What a recent item has of these: those of the last days, and the totals."""
    since = day_of(NOW) - days + 1
    listed = [p for p in purchases if since <= day_of(p.purchased_at)]
    return RecentHistory(
        customer_id="customer-1",
        complete_since=since,
        purchases=PurchaseColumns.of([p for p in listed if day_of(p.purchased_at) not in lost]),
        lifetime=Lifetime.of(purchases),
        overflow_days=lost,
    )


def test_totals_are_of_everything_but_what_was_given_back_in_full() -> None:
    total = Lifetime.of(bought(500, 3, 1, refunded=(1_000, 2)))
    assert (total.purchases, total.volume_minor) == (2, 2_000)
    assert (total.first_at, total.last_at) == (NOW - 3 * DAY, NOW - DAY)
    assert total.refunded_until == NOW - 2 * DAY
    assert (total.categories, total.bought) == ({"grocery": 2}, {"grocery": 2})
    part = Lifetime.of(bought(500, refunded=(1, 2)))
    assert (part.purchases, part.volume_minor, part.first_at) == (1, 999, NOW - 500 * DAY)


def test_who_gave_back_everything_bought_in_the_category_all_the_same() -> None:
    total = Lifetime.of(bought(5, refunded=(1_000, 2)))
    assert (total.purchases, total.first_at, total.last_at) == (0, None, None)
    assert (total.categories, total.bought) == ({"grocery": 0}, {})


def test_nothing_bought_is_a_life_too() -> None:
    assert Lifetime.of([]) == Lifetime()
    assert Lifetime().refunded_until == BEGINNING
    assert kept([]).answers(EVER, NOW)


@pytest.mark.parametrize(
    ("purchases", "as_of", "answers"),
    [
        (bought(500, 3), NOW, True),
        (bought(500, 3), NOW - 2 * DAY, True),  # nothing was bought since
        (bought(500, 3), NOW - 4 * DAY, False),  # the last one until then is not listed
        (bought(500, 50, 3), NOW - 4 * DAY, True),
        (bought(3), NOW - 4 * DAY, True),  # all is listed
        (bought(500, 3, refunded=(1, 2)), NOW, True),
        (bought(500, 3, refunded=(1, 2)), NOW - 3 * DAY, False),  # given back later
        (bought(5, refunded=(1_000, 2)), NOW - 3 * DAY, False),  # it counted then
        (bought(500, 3), NOW - 62 * DAY, False),  # the window is not covered
    ],
)
def test_totals_answer_where_they_follow_from_those_of_now(
    purchases: list[Purchase], as_of: int, answers: bool
) -> None:
    assert kept(purchases).answers(EVER, as_of) is answers


def test_a_day_that_overflows_later_hides_what_was_bought_since() -> None:
    lost = frozenset({day_of(NOW - DAY)})
    assert not kept(bought(50, 20, 1), lost=lost).answers(EVER, NOW - 3 * DAY)
    assert not kept(bought(50, 20, 1), lost=lost).answers(EVER, NOW)


def test_unknown_totals_answer_nothing() -> None:
    unknown = replace(kept(bought(500, 3)), lifetime=None)
    assert not unknown.answers(EVER, NOW)
    assert unknown.answers(Reach(Window.days(30)), NOW)


@pytest.mark.parametrize(
    "totals",
    [
        Lifetime(purchases=1, volume_minor=5_000, first_at=1, last_at=2),
        Lifetime(purchases=5, volume_minor=1_000, first_at=1, last_at=2),
        Lifetime(purchases=5, volume_minor=5_000, last_at=2),
        Lifetime(purchases=2, volume_minor=5_000, first_at=1, last_at=2),
    ],
    ids=["fewer purchases", "less volume", "no first", "only volume"],
)
def test_totals_that_do_not_hold_what_is_listed_are_corrupt(totals: Lifetime) -> None:
    columns = replace(PurchaseColumns.of(bought(5, 3)), lifetime=totals)
    with pytest.raises(CorruptRecord, match="rebuild"):
        COUNT.matrix(Histories.of([columns]), NOW)


def test_a_category_with_less_than_is_listed_is_corrupt() -> None:
    totals = replace(Lifetime.of(bought(500, 5, 3)), categories={"grocery": 1})
    columns = replace(PurchaseColumns.of(bought(5, 3)), lifetime=totals)
    features = FeatureSet((Feature(Aggregation.PURCHASE_COUNT, None, "grocery"),), USD)
    with pytest.raises(CorruptRecord, match="rebuild"):
        features.matrix(Histories.of([columns]), NOW)

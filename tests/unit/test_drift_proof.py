"""Shifted customers raise drift and like ones do not, through the features themselves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from domain.drift import Comparison, Measure, Reference, Sample, compare, tally_of
from domain.features import Aggregation, FeatureSet, Histories
from domain.prediction import ServedModel
from domain.purchases import Purchase
from tests.builders import DAY, NOW, USD, a_feature, a_purchase, a_served_model
from tests.registries import LogisticScorer

pytestmark = pytest.mark.full

CUSTOMERS, DRAWS, MOST_FALSE_ALARMS = 1_600, 100, 5
FEATURES = FeatureSet(
    (
        a_feature(),
        a_feature(Aggregation.PURCHASE_COUNT, days=90),
        a_feature(Aggregation.DISTINCT_CATEGORIES, days=90),
        a_feature(Aggregation.DAYS_SINCE_LAST_PURCHASE, days=90),
    ),
    USD,
)
CATEGORIES = ("grocery", "drinks", "garden", "toys")
Crowd = Sequence[Sequence[Purchase]]


@cache
def crowd() -> Crowd:
    """Customers who buy more or less often, at prices of their own, in categories they prefer."""
    rng = np.random.default_rng(7)
    found: list[list[Purchase]] = []
    for customer in range(CUSTOMERS):
        rate, price = rng.gamma(1.0, 6.0), rng.lognormal(7.5, 0.6)
        taste = rng.dirichlet([3.0, 1.0, 1.0, 1.0])
        found.append(
            [
                a_purchase(
                    customer_id=f"c{customer}",
                    purchase_id=f"p{number}",
                    purchased_at=NOW - round(rng.uniform(0, 90) * DAY),
                    category=CATEGORIES[rng.choice(4, p=taste)],
                    amount_minor=1 + round(price * rng.lognormal(0.0, 0.5)),
                )
                for number in range(rng.poisson(rate))
            ]
        )
    return found


def trained_on(customers: Crowd) -> ServedModel:
    """A version whose reference are these customers."""
    model = a_served_model(LogisticScorer(0.05), features=FEATURES)
    matrix, scores = model.scores(Histories.of(customers), NOW)
    reference = Reference.of(FEATURES, matrix, scores, np.arange(len(matrix)))
    return replace(model, reference=reference)


def drift_of(model: ServedModel, customers: Crowd) -> Comparison:
    matrix, scores = model.scores(Histories.of(customers), NOW)
    assert model.reference is not None
    codes = model.reference.codes(np.column_stack([matrix, scores]))
    then, now = model.reference.sample, Sample.of([tally_of(codes)])
    found = compare(model.reference.named_bins, then, now)
    assert found is not None
    return found


def halves(seed: int) -> tuple[Crowd, Crowd]:
    order = np.random.default_rng(seed).permutation(CUSTOMERS).tolist()
    return [crowd()[at] for at in order[::2]], [crowd()[at] for at in order[1::2]]


def prices_doubled(customers: Crowd) -> Crowd:
    return [[replace(p, amount_minor=2 * p.amount_minor) for p in each] for each in customers]


def a_category_gone(customers: Crowd) -> Crowd:
    return [[p for p in each if p.category != "grocery"] for each in customers]


def half_new_this_week(customers: Crowd) -> Crowd:
    week = NOW - 7 * DAY
    return [
        [p for p in each if p.purchased_at > week] if at % 2 else each
        for at, each in enumerate(customers)
    ]


def half_without_a_purchase(customers: Crowd) -> Crowd:
    return [[] if at % 2 else each for at, each in enumerate(customers)]


@pytest.mark.parametrize(
    "shifted", [prices_doubled, a_category_gone, half_new_this_week, half_without_a_purchase]
)
def test_a_shift_raises_drift_in_every_draw(shifted: Callable[[Crowd], Crowd]) -> None:
    for seed in range(5):
        then, now = halves(seed)
        assert drift_of(trained_on(then), shifted(now)).drifted


def test_two_halves_of_the_same_customers_hardly_ever_do() -> None:
    pairs = (halves(seed) for seed in range(DRAWS))
    alarms = sum(bool(drift_of(trained_on(then), now).drifted) for then, now in pairs)
    assert alarms <= MOST_FALSE_ALARMS


def test_what_has_drifted_is_named() -> None:
    then, now = halves(0)
    model = trained_on(then)
    doubled = drift_of(model, prices_doubled(now)).drifted
    assert {each.input for each in doubled} == {"total_purchase_volume_30d", "score"}
    empty = drift_of(model, half_without_a_purchase(now)).drifted
    assert {each.measure for each in empty} == {Measure.MISSING}

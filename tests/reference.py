"""What every feature means, written down once more: plain Python over raw purchases.

Slow and obvious on purpose, without numpy and without rounding; the fast computation in
`domain.features` must agree with it to the last bit. A transform rounds on its own: it is that of
numpy, of one number alone.
"""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from domain.features import (
    TARGET,
    Aggregation,
    AnyFeature,
    Combination,
    Feature,
    FeatureSet,
    Operation,
    Shape,
    Transform,
)
from domain.purchases import Purchase
from domain.values import Currency

DAY_US = 24 * 3600 * 1_000_000
EVER_US = 3_660 * DAY_US


def purchases_inside(
    feature: Feature, purchases: Iterable[Purchase], as_of: int, target: str | None
) -> list[Purchase]:
    """What was left of the purchases in (as_of - length, as_of] and in the category, each once.

    A purchase that was refunded in full by then counts no more.
    """
    start = -1 if feature.window is None else as_of - feature.window.length_us
    category = target if feature.category is TARGET else feature.category
    inside: dict[str, Purchase] = {}
    for purchase in purchases:
        in_window = start < purchase.purchased_at <= as_of
        left = left_of(purchase, as_of)
        gone = left == 0 < purchase.amount_minor
        if in_window and not gone and category in (None, purchase.category):
            inside[purchase.purchase_id] = replace(purchase, amount_minor=left)
    return list(inside.values())


def left_of(purchase: Purchase, as_of: int) -> int:
    """The minor units that were not given back by then."""
    given_back = [r.amount_minor for r in purchase.refunds if r.refunded_at <= as_of]
    return purchase.amount_minor - sum(given_back)


def exact_value(  # noqa: C901, PLR0911  # one for each aggregation
    feature: Feature,
    purchases: Iterable[Purchase],
    as_of: int,
    currency: Currency,
    target: str | None,
) -> Fraction:
    """An aggregation of one customer as an exact number."""
    inside = purchases_inside(feature, purchases, as_of, target)
    amounts = [Fraction(purchase.amount_minor, 10**currency.exponent) for purchase in inside]
    ages = [as_of - purchase.purchased_at for purchase in inside]
    length = EVER_US if feature.window is None else feature.window.length_us
    match feature.aggregation:
        case Aggregation.TOTAL_PURCHASE_VOLUME:
            return sum(amounts, Fraction(0))
        case Aggregation.PURCHASE_COUNT:
            return Fraction(len(inside))
        case Aggregation.MEAN_PURCHASE_AMOUNT:
            return sum(amounts, Fraction(0)) / len(amounts) if amounts else Fraction(0)
        case Aggregation.MAX_PURCHASE_AMOUNT:
            return max(amounts, default=Fraction(0))
        case Aggregation.DISTINCT_CATEGORIES:
            return Fraction(len({purchase.category for purchase in inside}))
        case Aggregation.ACTIVE_DAYS:
            return Fraction(len({age // DAY_US for age in ages}))
        case Aggregation.MEAN_GAP:
            gaps = len(ages) - 1
            return Fraction(max(ages) - min(ages), DAY_US * gaps) if gaps > 0 else days(length)
        case Aggregation.DAYS_SINCE_LAST_PURCHASE:
            return days(min([*ages, length]))
        case Aggregation.DAYS_SINCE_FIRST_PURCHASE:
            return days(min(max(ages, default=length), length))
        case Aggregation.CATEGORY_BASE_RATE:
            raise AssertionError("a base rate is no aggregation of purchases")


def days(length_us: int) -> Fraction:
    """A length in days."""
    return Fraction(length_us, DAY_US)


def value(
    feature: AnyFeature,
    purchases: list[Purchase],
    as_of: int,
    features: FeatureSet,
    target: str | None,
) -> float:
    """A feature of one customer, rounded after every step."""
    if isinstance(feature, Combination):
        one, other = (value(each, purchases, as_of, features, target) for each in feature.of)
        match feature.operation:
            case Operation.RATIO:
                return shaped(feature.shape, one / other if other else 0.0)
            case Operation.PRODUCT:
                return shaped(feature.shape, one * other)
            case Operation.DIFFERENCE:
                return shaped(feature.shape, one - other)
    assert isinstance(feature, Feature)
    if feature.aggregation is Aggregation.CATEGORY_BASE_RATE:
        assert features.base_rates is not None
        return shaped(feature.shape, features.base_rates[target or ""])
    exact = exact_value(feature, purchases, as_of, features.currency, target)
    return shaped(feature.shape, float(exact))


def shaped(shape: Shape, number: float) -> float:
    """A number cut to a range, then transformed."""
    if shape.clip is not None:
        number = min(max(number, shape.clip[0]), shape.clip[1])
    match shape.transform:
        case Transform.LOG1P:
            return float(np.log1p(np.array([number]))[0])
        case Transform.SQRT:
            return float(np.sqrt(np.array([number]))[0])
        case None:
            return number


def row(
    features: FeatureSet, purchases: Iterable[Purchase], as_of: int, target: str | None = None
) -> list[float]:
    """Every feature of one customer, each step rounded to the nearest float64."""
    known = list(purchases)
    return [value(feature, known, as_of, features, target) for feature in features.features]

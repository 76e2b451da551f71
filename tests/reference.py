"""What every feature means, written down once more: plain Python over raw purchases.

Slow and obvious on purpose, without numpy and without rounding; the fast computation in
`domain.features` must agree with it to the last bit.
"""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from domain.features import FeatureSet
from domain.features.feature_set import Aggregation, Feature
from domain.purchases import Purchase
from domain.values import Currency


def purchases_inside(feature: Feature, purchases: Iterable[Purchase], as_of: int) -> list[Purchase]:
    """What was left of the purchases in (as_of - length, as_of] and in the category, each once.

    A purchase that was refunded in full by then counts no more.
    """
    start = as_of - feature.window.length_us
    inside: dict[str, Purchase] = {}
    for purchase in purchases:
        in_window = start < purchase.purchased_at <= as_of
        left = left_of(purchase, as_of)
        gone = left == 0 < purchase.amount_minor
        if in_window and not gone and feature.category in (None, purchase.category):
            inside[purchase.purchase_id] = replace(purchase, amount_minor=left)
    return list(inside.values())


def left_of(purchase: Purchase, as_of: int) -> int:
    """The minor units that were not given back by then."""
    given_back = [r.amount_minor for r in purchase.refunds if r.refunded_at <= as_of]
    return purchase.amount_minor - sum(given_back)


def exact_value(
    feature: Feature, purchases: Iterable[Purchase], as_of: int, currency: Currency
) -> Fraction:
    """The feature of one customer as an exact number."""
    inside = purchases_inside(feature, purchases, as_of)
    amounts = [Fraction(purchase.amount_minor, 10**currency.exponent) for purchase in inside]
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
        case Aggregation.DAYS_SINCE_LAST_PURCHASE:
            ages = [as_of - purchase.purchased_at for purchase in inside]
            return Fraction(min(ages, default=feature.window.length_us), 24 * 3600 * 1_000_000)


def row(features: FeatureSet, purchases: Iterable[Purchase], as_of: int) -> list[float]:
    """Every feature of one customer, each rounded once to the nearest float64."""
    known = list(purchases)
    return [
        float(exact_value(feature, known, as_of, features.currency))
        for feature in features.features
    ]

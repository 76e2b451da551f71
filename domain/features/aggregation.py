"""Aggregation: what a feature makes of the purchases in its window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from domain.features.earlier import NEVER
from domain.features.known import Known, Values
from domain.values import MICROS_PER_DAY


class Aggregation(StrEnum):
    """What a feature makes of the purchases in its window.

    Money is in major units, time in days of 24 hours. Without a purchase, totals, counts, means and
    maxima are 0. Days since the first or last one are then the window's whole length. So is the mean
    gap between two, without two of them. `ever` counts as 3,660 days there, and no more.
    `active_days` are counted back from as_of by 24 hours. `category_base_rate` is the share of the
    target category's customers who bought in it again within the horizon, at training.
    """

    TOTAL_PURCHASE_VOLUME = "total_purchase_volume"
    PURCHASE_COUNT = "purchase_count"
    MEAN_PURCHASE_AMOUNT = "mean_purchase_amount"
    MAX_PURCHASE_AMOUNT = "max_purchase_amount"
    DISTINCT_CATEGORIES = "distinct_categories"
    ACTIVE_DAYS = "active_days"
    MEAN_GAP = "mean_gap"
    DAYS_SINCE_LAST_PURCHASE = "days_since_last_purchase"
    DAYS_SINCE_FIRST_PURCHASE = "days_since_first_purchase"
    CATEGORY_BASE_RATE = "category_base_rate"


@dataclass(frozen=True, slots=True)
class Span:
    """Which purchases are meant: those of the window at `row`, of one category or of all.

    `length_us` is the window's length, and what ever counts as.
    """

    row: int
    category: str | None
    length_us: int


def _total_purchase_volume(known: Known, span: Span, minor_per_major: int) -> Values:
    return known.volume(span.row, span.category) / minor_per_major


def _purchase_count(known: Known, span: Span, _: int) -> Values:
    return known.count(span.row, span.category).astype(np.float64)


def _mean_purchase_amount(known: Known, span: Span, minor_per_major: int) -> Values:
    at_least_one = np.maximum(known.count(span.row, span.category), 1)
    mean: Values = known.volume(span.row, span.category) / (at_least_one * minor_per_major)
    return mean


def _max_purchase_amount(known: Known, span: Span, minor_per_major: int) -> Values:
    return known.largest_amount(span.row, span.category) / minor_per_major


def _distinct_categories(known: Known, span: Span, _: int) -> Values:
    return known.distinct_categories(span.row, span.category).astype(np.float64)


def _active_days(known: Known, span: Span, _: int) -> Values:
    return known.active_days(span.row, span.category).astype(np.float64)


def _mean_gap(known: Known, span: Span, _: int) -> Values:
    gaps = known.count(span.row, span.category) - 1
    between = known.last(span.row, span.category) - known.first(span.row, span.category)
    at_least_two = np.where(gaps > 0, between, span.length_us)
    mean: Values = at_least_two / (np.maximum(gaps, 1) * MICROS_PER_DAY)
    return mean


def _days_since_last_purchase(known: Known, span: Span, _: int) -> Values:
    # Where there is none the difference is longer than any window.
    since = known.as_of - known.last(span.row, span.category)
    return np.minimum(since, span.length_us) / MICROS_PER_DAY


def _days_since_first_purchase(known: Known, span: Span, _: int) -> Values:
    first = known.first(span.row, span.category)
    since = np.where(first == NEVER, span.length_us, known.as_of - first)
    return np.minimum(since, span.length_us) / MICROS_PER_DAY


def _category_base_rate(known: Known, span: Span, _: int) -> Values:
    if known.base_rates is None or span.category is None:
        raise ValueError("category_base_rate needs a target category, and rates from training")
    return np.full(len(known), known.base_rates[span.category])


COMPUTED: Mapping[Aggregation, Callable[[Known, Span, int], Values]] = {
    Aggregation.TOTAL_PURCHASE_VOLUME: _total_purchase_volume,
    Aggregation.PURCHASE_COUNT: _purchase_count,
    Aggregation.MEAN_PURCHASE_AMOUNT: _mean_purchase_amount,
    Aggregation.MAX_PURCHASE_AMOUNT: _max_purchase_amount,
    Aggregation.DISTINCT_CATEGORIES: _distinct_categories,
    Aggregation.ACTIVE_DAYS: _active_days,
    Aggregation.MEAN_GAP: _mean_gap,
    Aggregation.DAYS_SINCE_LAST_PURCHASE: _days_since_last_purchase,
    Aggregation.DAYS_SINCE_FIRST_PURCHASE: _days_since_first_purchase,
    Aggregation.CATEGORY_BASE_RATE: _category_base_rate,
}
"""How each is computed, of n customers; the last argument is the currency's minor units per major.

Shape: (n,) float64.
"""

KEPT_FOR_EVER = frozenset(
    {
        Aggregation.TOTAL_PURCHASE_VOLUME,
        Aggregation.PURCHASE_COUNT,
        Aggregation.MEAN_PURCHASE_AMOUNT,
        Aggregation.MEAN_GAP,
        Aggregation.DAYS_SINCE_LAST_PURCHASE,
        Aggregation.DAYS_SINCE_FIRST_PURCHASE,
    }
)
"""Those that totals tell; see `domain.purchases.Lifetime`."""

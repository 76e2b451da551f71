"""Segments: groups of customers for whom a model must be right too, not on average only."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from domain.features import Aggregation, Feature, FeatureSet, Histories
from domain.values import Currency

NEW_DAYS = 30
LAPSED_DAYS = 90
HEAVY_SHARE = 0.1
_LIFE = FeatureSet(
    (
        Feature(Aggregation.DAYS_SINCE_FIRST_PURCHASE, None),
        Feature(Aggregation.DAYS_SINCE_LAST_PURCHASE, None),
        Feature(Aggregation.PURCHASE_COUNT, None),
    ),
    Currency.of("USD"),  # no money is looked at
)


def segments_at(histories: Histories, cut_off: int) -> Mapping[str, NDArray[np.bool_]]:
    """Who is new, lapsed, heavy, or none of these, as known at the cut-off. Shape: (n,) bool each.

    New: first bought within 30 days. Lapsed: last bought more than 90 days ago. Heavy: of the tenth
    who bought most often, and neither new nor lapsed.
    """
    first, last, count = _LIFE.matrix(histories, cut_off).T
    new, lapsed = first <= NEW_DAYS, last > LAPSED_DAYS
    known = count > 0
    often = np.quantile(count[known], 1.0 - HEAVY_SHARE) if known.any() else 0.0
    heavy = (count >= often) & ~new & ~lapsed
    return {"new": new, "lapsed": lapsed, "heavy": heavy, "others": ~(new | lapsed | heavy)}

"""Features: windowed aggregations over purchases, one computation for one or many customers.

Training, single prediction and audience all call `FeatureSet.matrix`; there is no other.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from domain.features.histories import Histories
from domain.values import MICROS_PER_DAY, Currency, Window

SEMANTICS = 1
"""Raised whenever any feature's value changes meaning: old models are then refused."""


class Aggregation(StrEnum):
    """What a feature makes of the purchases in its window.

    Money is in major units. Without a purchase in the window, totals, counts, means and maxima are
    0. The days since the last purchase are then the window's whole length (censored there).
    """

    TOTAL_PURCHASE_VOLUME = "total_purchase_volume"
    PURCHASE_COUNT = "purchase_count"
    MEAN_PURCHASE_AMOUNT = "mean_purchase_amount"
    MAX_PURCHASE_AMOUNT = "max_purchase_amount"
    DISTINCT_CATEGORIES = "distinct_categories"
    DAYS_SINCE_LAST_PURCHASE = "days_since_last_purchase"


@dataclass(frozen=True, slots=True)
class Feature:
    """One number per customer: an aggregation over a window, optionally of one category."""

    aggregation: Aggregation
    window: Window
    category: str | None = None

    @property
    def name(self) -> str:
        """Such as total_purchase_volume_30d or purchase_count_7d[jewellery]."""
        suffix = "" if self.category is None else f"[{self.category}]"
        return f"{self.aggregation}_{self.window}{suffix}"

    def values(self, histories: Histories, as_of: int, currency: Currency) -> NDArray[np.float64]:
        """This feature of every customer, of histories as known at `as_of`. Shape: (n,) float64.

        Units: `as_of` in microseconds since the epoch, UTC. Exact for sums up to 2**53 minor
        units (90 million million dollars); one rounding, the final division.
        """
        chosen = self._chosen(histories, as_of)
        match self.aggregation:
            case Aggregation.TOTAL_PURCHASE_VOLUME:
                return histories.total(chosen, histories.amount_minor) / currency.minor_per_major
            case Aggregation.PURCHASE_COUNT:
                return histories.count(chosen).astype(np.float64)
            case Aggregation.MEAN_PURCHASE_AMOUNT:
                at_least_one = histories.count(chosen).clip(min=1)
                total = histories.total(chosen, histories.amount_minor)
                mean: NDArray[np.float64] = total / (at_least_one * currency.minor_per_major)
                return mean
            case Aggregation.MAX_PURCHASE_AMOUNT:
                largest = histories.largest(chosen, histories.amount_minor, empty=0)
                return largest / currency.minor_per_major
            case Aggregation.DISTINCT_CATEGORIES:
                return histories.distinct_categories(chosen).astype(np.float64)
            case Aggregation.DAYS_SINCE_LAST_PURCHASE:
                last = histories.largest(
                    chosen, histories.purchased_at, empty=self.window.after(as_of)
                )
                return (as_of - last) / MICROS_PER_DAY

    def _chosen(self, histories: Histories, as_of: int) -> NDArray[np.bool_]:
        at = histories.purchased_at
        chosen = (at > self.window.after(as_of)) & (at <= as_of)
        if self.category is None:
            return chosen
        wanted = [name == self.category for name in histories.categories]
        return chosen & np.array(wanted, dtype=np.bool_)[histories.category]


@dataclass(frozen=True)
class FeatureSet:
    """An ordered set of features in one currency: the contract between data and model.

    Raises:
        ValueError: empty, or two features share a name.
    """

    features: tuple[Feature, ...]
    currency: Currency

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("a feature set needs at least one feature")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"two features share a name: {', '.join(self.names)}")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the order of the matrix's columns."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def longest_window(self) -> Window:
        """How far back purchases must be read for every feature to be exact."""
        return max(feature.window for feature in self.features)

    def matrix(self, histories: Histories, as_of: int) -> NDArray[np.float64]:
        """Every feature of every customer as known at `as_of` (microseconds since the epoch).

        Purchases and refunds after `as_of` never count; of what was refunded before, the rest
        does. Shape: (n, k) float64, finite.
        """
        known = histories.known_at(as_of)
        matrix = np.empty((len(histories), len(self.features)))
        for column, feature in enumerate(self.features):
            matrix[:, column] = feature.values(known, as_of, self.currency)
        return matrix

    @property
    def contract(self) -> dict[str, object]:
        """The feature set as plain JSON values, complete enough to build it again."""
        return {
            "semantics": SEMANTICS,
            "currency": self.currency.code,
            "features": [
                {
                    "aggregation": str(feature.aggregation),
                    "window_us": feature.window.length_us,
                    "category": feature.category,
                }
                for feature in self.features
            ],
        }

    @property
    def contract_hash(self) -> str:
        """SHA-256 of the contract: equal only for the same features, order and currency."""
        return hashlib.sha256(_canonical(self.contract).encode()).hexdigest()

    @classmethod
    def from_contract(cls, contract: Mapping[str, object]) -> "FeatureSet":
        """The feature set that a contract describes, as this code computes it.

        Raises:
            ValueError: this code does not know a feature, its semantics or its currency.
        """
        if contract.get("semantics") != SEMANTICS:
            raise ValueError(
                f"features of semantics {contract.get('semantics')}, this code has {SEMANTICS}"
            )
        try:
            entries = cast("Sequence[Mapping[str, Any]]", contract["features"])
            features = tuple(_feature(entry) for entry in entries)
            known = cls(features, Currency.of(cast("str", contract["currency"])))
            same = _canonical(known.contract) == _canonical(contract)
        except KeyError as exc:
            raise ValueError(f"not a feature contract: it lacks {exc.args[0]}") from exc
        except (TypeError, ValueError, OverflowError) as exc:
            raise ValueError(f"not a feature contract that this code knows: {exc}") from exc
        if not same:
            raise ValueError("the feature contract holds more than this code knows")
        return known


def _feature(entry: Mapping[str, Any]) -> Feature:
    category = entry["category"]
    return Feature(
        Aggregation(entry["aggregation"]),
        Window(int(entry["window_us"])),
        None if category is None else str(category),
    )


def _canonical(contract: Mapping[str, object]) -> str:
    return json.dumps(contract, sort_keys=True, separators=(",", ":"))


def total_purchase_volume_30d(currency: Currency) -> FeatureSet:
    """Version 1's feature set: what the customer spent in the last 30 days, in major units."""
    volume = Feature(Aggregation.TOTAL_PURCHASE_VOLUME, Window.days(30))
    return FeatureSet((volume,), currency)


def rfm_90d(currency: Currency) -> FeatureSet:
    """Recency, frequency and monetary value, and how many categories, up to 90 days back."""
    days = (
        (Aggregation.TOTAL_PURCHASE_VOLUME, (7, 30, 90)),
        (Aggregation.PURCHASE_COUNT, (7, 30, 90)),
        (Aggregation.DISTINCT_CATEGORIES, (30, 90)),
        (Aggregation.DAYS_SINCE_LAST_PURCHASE, (90,)),
    )
    features = [Feature(what, Window.days(count)) for what, counts in days for count in counts]
    return FeatureSet(tuple(features), currency)


FEATURE_SETS: Mapping[str, Callable[[Currency], FeatureSet]] = {
    "total_purchase_volume_30d": total_purchase_volume_30d,
    "rfm_90d": rfm_90d,
}
"""The feature sets to train on, by name; a version carries its own contract, not the name."""

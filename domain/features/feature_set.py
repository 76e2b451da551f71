"""Feature set: the ordered features of a model, one computation for one or many customers.

Training, single prediction and audience all call `FeatureSet.matrix`; there is no other.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from domain.features.aggregation import Aggregation
from domain.features.base_rates import BaseRates
from domain.features.contract import read, written
from domain.features.feature import AnyFeature, Feature
from domain.features.histories import Histories
from domain.features.known import Known, Windows
from domain.values import Currency, Reach, Window

SEMANTICS = 2
"""Raised whenever any feature's value changes meaning: old models are then refused."""


@dataclass(frozen=True)
class FeatureSet:
    """An ordered set of features in one currency: the contract between data and model.

    `base_rates` are learnt in training, where a feature is a category's base rate.

    Raises:
        ValueError: empty, or two features share a name.
    """

    features: tuple[AnyFeature, ...]
    currency: Currency
    base_rates: BaseRates | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("a feature set needs at least one feature")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"two features share a name: {', '.join(self.names)}")
        if self.base_rates is not None and not self.learns_base_rates:
            raise ValueError("base rates, and no feature that uses them")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the order of the matrix's columns."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def reach(self) -> Reach:
        """What must be known of a customer for every feature to be exact."""
        reach = self.features[0].reach
        for feature in self.features:
            reach |= feature.reach
        return reach

    @cached_property
    def _windows(self) -> Windows:
        return Windows.of(
            frozenset[Window]().union(*(feature.windows for feature in self.features))
        )

    @cached_property
    def targeted(self) -> bool:
        """Whether it needs a target category: its model says who buys in that one."""
        return any(feature.targeted for feature in self.features)

    @cached_property
    def learns_base_rates(self) -> bool:
        """Whether training gives it the base rates of categories."""
        return any(Aggregation.CATEGORY_BASE_RATE in f.aggregations for f in self.features)

    def knowing(self, base_rates: BaseRates) -> "FeatureSet":
        """The same with the base rates that training found, where a feature uses them."""
        return replace(self, base_rates=base_rates) if self.learns_base_rates else self

    def matrix(
        self, histories: Histories, as_of: int, *, target: str | None = None
    ) -> NDArray[np.float64]:
        """Every feature of every customer as known at `as_of` (microseconds since the epoch).

        Purchases and refunds after `as_of` never count; of what was refunded before, the rest
        does. `target` is the category asked about. Shape: (n, k) float64, finite.

        Raises:
            ValueError: a feature needs a target category or base rates, and there are none.
        """
        return self.rows(self.known(histories, as_of, target=target))

    def known(self, histories: Histories, as_of: int, *, target: str | None = None) -> Known:
        """What these features look at, of histories as known at an instant."""
        return Known(histories.known_at(as_of), as_of, self._windows, target, self.base_rates)

    def rows(self, known: Known) -> NDArray[np.float64]:
        """As `matrix`, of what is known already. Shape: (n, k) float64, finite."""
        matrix = np.empty((len(known), len(self.features)))
        for column, feature in enumerate(self.features):
            matrix[:, column] = feature.values(known, self.currency)
        return matrix

    @property
    def contract(self) -> dict[str, object]:
        """The feature set as plain JSON values, complete enough to build it again."""
        rates = self.base_rates
        return {
            "semantics": SEMANTICS,
            "currency": self.currency.code,
            "features": [written(feature) for feature in self.features],
            "base_rates": None if rates is None else rates.contract,
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
            rates = cast("Mapping[str, Any] | None", contract["base_rates"])
            known = cls(
                tuple(read(entry) for entry in entries),
                Currency.of(cast("str", contract["currency"])),
                None if rates is None else BaseRates.from_contract(rates),
            )
            same = _canonical(known.contract) == _canonical(contract)
        except KeyError as exc:
            raise ValueError(f"not a feature contract: it lacks {exc.args[0]}") from exc
        except (TypeError, ValueError, OverflowError, AttributeError) as exc:
            raise ValueError(f"not a feature contract that this code knows: {exc}") from exc
        if not same:
            raise ValueError("the feature contract holds more than this code knows")
        return known


def _canonical(contract: Mapping[str, object]) -> str:
    return json.dumps(contract, sort_keys=True, separators=(",", ":"))


def total_purchase_volume_30d(currency: Currency) -> FeatureSet:
    """The first feature of all: what the customer spent in 30 days, in major units."""
    volume = Feature(Aggregation.TOTAL_PURCHASE_VOLUME, Window.days(30))
    return FeatureSet((volume,), currency)

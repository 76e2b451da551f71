"""Feature: one number per customer, from purchases or from other features."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

import numpy as np

from domain.features.aggregation import COMPUTED, KEPT_FOR_EVER, Aggregation, Span
from domain.features.known import TARGET, Known, Of, Values
from domain.values import EVER, Currency, Reach, Window
from domain.values.window import MAX_LENGTH_US

_NOTHING_LISTED = Window(1)
"""What must be listed for totals alone: nothing, and a window cannot be shorter."""


class Transform(StrEnum):
    """What is made of a feature's value: its natural logarithm once 1 is added, or its root."""

    LOG1P = "log1p"
    SQRT = "sqrt"


_TRANSFORMS: Mapping[Transform, Callable[[Values], Values]] = {
    Transform.LOG1P: np.log1p,
    Transform.SQRT: np.sqrt,
}

_UNDONE: Mapping[Transform, Callable[[float], float]] = {
    Transform.LOG1P: math.expm1,
    Transform.SQRT: lambda value: value * value,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a feature's value goes through: first cut to a range, then transformed."""

    clip: tuple[float, float] | None = None
    transform: Transform | None = None

    def __post_init__(self) -> None:
        if self.clip is not None:
            low, high = self.clip
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise ValueError(f"clip needs two numbers, the lower one first, not {low}, {high}")

    def check(self, *, least: float) -> None:
        """Returns when values from `least` on can be transformed.

        Raises:
            ValueError: they can be negative.
        """
        least = least if self.clip is None else max(least, self.clip[0])
        if self.transform is not None and least < 0:
            raise ValueError(f"{self.transform} needs values of at least 0: clip them")

    def name(self, of: str) -> str:
        """The name of the feature with this shape."""
        if self.clip is not None:
            of = f"clip({of},{self.clip[0]:g},{self.clip[1]:g})"
        return of if self.transform is None else f"{self.transform}({of})"

    def said(self, of: str) -> str:
        """The feature in plain words with this shape."""
        steps = [] if self.clip is None else [f"{self.clip[0]:g} to {self.clip[1]:g}"]
        steps += [] if self.transform is None else [str(self.transform)]
        return f"{of} ({', '.join(steps)})" if steps else of

    def of(self, values: Values) -> Values:
        """The values in this shape. Shape: (n,) to (n,) float64."""
        if self.clip is not None:
            low, high = self.clip
            values = np.minimum(np.maximum(values, low), high)
        return values if self.transform is None else _TRANSFORMS[self.transform](values)

    def undone(self, value: float) -> float:
        """The number that comes to this value: what a person reads. A cut stays where it is."""
        return value if self.transform is None else _UNDONE[self.transform](value)


_AS_IT_IS = Shape()


@dataclass(frozen=True)
class Feature:
    """An aggregation over a window, None for ever, optionally of one category or of the target.

    Raises:
        ValueError: nothing keeps this for ever, or the transform does not fit.
    """

    aggregation: Aggregation
    window: Window | None
    category: Of = None
    shape: Shape = _AS_IT_IS

    def __post_init__(self) -> None:
        if self.aggregation is Aggregation.CATEGORY_BASE_RATE:
            if self.category is not TARGET or self.window is not None:
                raise ValueError("category_base_rate is of the target category, without a window")
        elif self.window is None:
            if self.aggregation not in KEPT_FOR_EVER:
                raise ValueError(f"{self.aggregation} needs a window: no total is kept of it")
            if self.category is not None and self.aggregation is not Aggregation.PURCHASE_COUNT:
                raise ValueError(
                    f"{self.aggregation} of a category needs a window: only purchase_count is "
                    "kept for ever"
                )
        self.shape.check(least=0.0)

    @cached_property
    def name(self) -> str:
        """Such as total_purchase_volume_30d or log1p(purchase_count_ever[target])."""
        return self.shape.name(self._plain_name)

    @cached_property
    def _plain_name(self) -> str:
        if self.aggregation is Aggregation.CATEGORY_BASE_RATE:
            return str(self.aggregation)
        category = "" if self.category is None else f"[{self.category}]"
        return f"{self.aggregation}_{EVER if self.window is None else self.window}{category}"

    @property
    def meaning(self) -> str:
        """The feature in plain words, such as: purchase count, last 30d (log1p)."""
        if self.aggregation is Aggregation.CATEGORY_BASE_RATE:
            return self.shape.said("how many customers of the category buy there again")
        when = "ever" if self.window is None else f"last {self.window}"
        where = "" if self.category is None else f", in {self.category}"
        if self.targeted:
            where = ", in the category asked about"
        return self.shape.said(f"{str(self.aggregation).replace('_', ' ')}, {when}{where}")

    @property
    def plain(self) -> "Feature":
        """The same before it is cut and transformed: what a person reads."""
        return replace(self, shape=_AS_IT_IS)

    @property
    def windows(self) -> frozenset[Window]:
        """The windows that it looks at; ever is none."""
        return frozenset() if self.window is None else frozenset({self.window})

    @property
    def reach(self) -> Reach:
        """What must be known of a customer."""
        if self.window is not None:
            return Reach(self.window)
        return Reach(_NOTHING_LISTED, ever=self.aggregation is not Aggregation.CATEGORY_BASE_RATE)

    @property
    def targeted(self) -> bool:
        """Whether it depends on the category that is asked about."""
        return self.category is TARGET

    @property
    def aggregations(self) -> frozenset[Aggregation]:
        """What it is made of."""
        return frozenset({self.aggregation})

    @property
    def least(self) -> float:
        """No aggregation is negative."""
        return 0.0

    def values(self, known: Known, currency: Currency) -> Values:
        """This feature of every customer. Shape: (n,) float64.

        Exact for sums up to 2**53 minor units (90 million million dollars), with one rounding: the
        final division. A transform rounds once more.
        """
        if self.targeted:
            return self.shape.of(self._plain(known, currency.minor_per_major))
        plain = known.values.get(self._plain_name)
        if plain is None:
            plain = self._plain(known, currency.minor_per_major)
            known.values[self._plain_name] = plain
        return self.shape.of(plain)

    def _plain(self, known: Known, minor_per_major: int) -> Values:
        span = Span(
            known.windows.rows[self.window],
            known.category_of(self.category),
            MAX_LENGTH_US if self.window is None else self.window.length_us,
        )
        return COMPUTED[self.aggregation](known, span, minor_per_major)


class Operation(StrEnum):
    """What is made of two other features; a ratio to 0 is 0."""

    RATIO = "ratio"
    PRODUCT = "product"
    DIFFERENCE = "difference"


def _ratio(one: Values, other: Values) -> Values:
    return np.divide(one, other, out=np.zeros_like(one), where=other != 0)


_OPERATIONS: Mapping[Operation, Callable[[Values, Values], Values]] = {
    Operation.RATIO: _ratio,
    Operation.PRODUCT: np.multiply,
    Operation.DIFFERENCE: np.subtract,
}


@dataclass(frozen=True)
class Combination:
    """An operation on two other features, under a name of its own.

    Raises:
        ValueError: the name is no plain word, or the transform does not fit.
    """

    label: str
    operation: Operation
    of: "tuple[AnyFeature, AnyFeature]"
    shape: Shape = _AS_IT_IS

    def __post_init__(self) -> None:
        if not self.label.isidentifier():
            raise ValueError(f"name {self.label!r} must be a word of letters, digits and _")
        if self.label == "score":
            raise ValueError("name 'score' is that of what the model answers; choose another")
        self.shape.check(least=self.least)

    @property
    def name(self) -> str:
        """Such as log1p(gap_ratio)."""
        return self.shape.name(self.label)

    @property
    def meaning(self) -> str:
        """The feature in plain words, such as: gap ratio (log1p)."""
        return self.shape.said(self.label.replace("_", " "))

    @property
    def plain(self) -> "Combination":
        """The same before it is cut and transformed: what a person reads."""
        return replace(self, shape=_AS_IT_IS)

    @property
    def windows(self) -> frozenset[Window]:
        """The windows that it looks at; ever is none."""
        return self.of[0].windows | self.of[1].windows

    @cached_property
    def reach(self) -> Reach:
        """What must be known of a customer."""
        return self.of[0].reach | self.of[1].reach

    @property
    def targeted(self) -> bool:
        """Whether it depends on the category that is asked about."""
        return any(feature.targeted for feature in self.of)

    @property
    def aggregations(self) -> frozenset[Aggregation]:
        """What it is made of."""
        return self.of[0].aggregations | self.of[1].aggregations

    @property
    def least(self) -> float:
        """A difference can be negative, and so can what is made of one."""
        negative = self.operation is Operation.DIFFERENCE or any(f.least < 0 for f in self.of)
        return float("-inf") if negative else 0.0

    def values(self, known: Known, currency: Currency) -> Values:
        """This feature of every customer. Shape: (n,) float64."""
        one, other = (feature.values(known, currency) for feature in self.of)
        return self.shape.of(_OPERATIONS[self.operation](one, other))


AnyFeature: TypeAlias = Feature | Combination
"""One number per customer, of whatever kind."""

"""A survey: how probable a category's customers are, in fine buckets, from one reading of them all.

Whatever range somebody then looks at, its figures are sums of buckets: exact, and at once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.audience.cost_plan import ReadWay
from domain.audience.member import Expectation
from domain.cost import Units
from domain.errors import InvalidRequest
from domain.prediction import Arm, LinearFacts

FINE = 1_000
"""Buckets of a thousandth: bucket i holds the probabilities from i/1000 on, and below the next."""
BARS = 20
_INNER = np.arange(1, FINE) / FINE
Counts: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Range:
    """Probabilities from `low` thousandths on and below `high`; 1 itself is below 1000.

    Raises:
        InvalidRequest: there are none.
    """

    low: int = 0
    high: int = FINE

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= FINE:
            raise InvalidRequest(
                "range",
                f"needs 0 <= low < high <= {FINE} thousandths, not {self.low} to {self.high}",
            )

    @property
    def min_probability(self) -> float:
        """The least probability within."""
        return self.low / FINE

    @property
    def max_probability(self) -> float:
        """The greatest probability within."""
        return 1.0 if self.high == FINE else math.nextafter(self.high / FINE, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeFigures:
    """What a range holds. `buyers` and `non_buyers` are as the model expects, within its horizon.

    `share_of_buyers` of all expected buyers are in the range, `share_of_people` of all people.
    `read_units` are what it takes at least to freeze the range as a campaign: everybody is scored
    again, and of each member the time before is read.
    """

    people: int
    buyers: float
    non_buyers: float
    share_of_buyers: float
    share_of_people: float
    read_units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a histogram, over a range."""

    within: Range
    people: int
    buyers: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMean:
    """A feature in a range: its mean there, and of everybody.

    `log_odds` is what its difference from the mean at training adds; None: the version says none.
    """

    feature: str
    mean: float
    mean_of_all: float
    log_odds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSums:
    """Sums of each feature, by bucket, over the customers whom one version answers.

    Shape: people (1000,) int64, sums (1000, features) float64; money in major units.
    """

    version: int
    names: Sequence[str]
    facts: LinearFacts | None
    people: Counts
    sums: Values

    def means(self, within: Range) -> list[FeatureMean]:
        """Every feature within a range; none where it holds nobody."""
        here, everybody = self.people[within.low : within.high].sum(), self.people.sum()
        if not here:
            return []
        means = self.sums[within.low : within.high].sum(axis=0) / here
        of_all = self.sums.sum(axis=0) / everybody
        return [
            FeatureMean(
                feature=name,
                mean=float(mean),
                mean_of_all=float(overall),
                log_odds=self._log_odds(name, float(mean)),
            )
            for name, mean, overall in zip(self.names, means, of_all, strict=True)
        ]

    def _log_odds(self, name: str, mean: float) -> float | None:
        if self.facts is None or name not in self.facts.coefficients:
            return None
        return self.facts.coefficients[name] * (mean - self.facts.averages[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A category's customers by bucket of probability. Instants in microseconds, UTC.

    `people` and `expected` have an entry for each bucket, `features` one for each version that
    answers. `unread` customers, and the rest of `unlisted_shards`, are in no bucket. `round_trips`
    and `reads` are what it took.
    """

    category: str
    as_of: int
    model: str
    revision: int
    versions: Mapping[Arm, int]
    horizon_days: int
    in_category: bool
    people: Counts
    expected: Sequence[Expectation]
    features: Mapping[Arm, FeatureSums]
    unread: int
    unlisted_shards: int
    way: ReadWay
    round_trips: int
    reads: Units

    @property
    def partial(self) -> bool:
        """Whether somebody is missing, so that every figure is too low."""
        return bool(self.unread or self.unlisted_shards)

    def figures(self, within: Range) -> RangeFigures:
        """What a range holds, exactly."""
        people, buyers = self._people(within), self._expected(within)
        everybody, all_buyers = self._people(Range()), self._expected(Range()).buyers
        return RangeFigures(
            people=people,
            buyers=buyers.buyers,
            non_buyers=people - buyers.buyers,
            share_of_buyers=buyers.buyers / all_buyers if all_buyers else 0.0,
            share_of_people=people / everybody if everybody else 0.0,
            read_units=self.reads.total + people,
        )

    def histogram(self, bars: int = BARS) -> list[Bar]:
        """So many bars of equal width; their number divides 1,000.

        Raises:
            InvalidRequest: it does not.
        """
        if bars < 1 or FINE % bars:
            raise InvalidRequest("bars", f"must divide {FINE}, such as {BARS}, not {bars}")
        width = FINE // bars
        ranges = [Range(low, low + width) for low in range(0, FINE, width)]
        return [
            Bar(within=each, people=self._people(each), buyers=self._expected(each).buyers)
            for each in ranges
        ]

    def _people(self, within: Range) -> int:
        return int(self.people[within.low : within.high].sum())

    def _expected(self, within: Range) -> Expectation:
        return sum(self.expected[within.low : within.high], Expectation())


def bucket_of(probabilities: Values) -> Counts:
    """The bucket of each probability. Shape: (n,) to (n,)."""
    return np.searchsorted(_INNER, probabilities, side="right")

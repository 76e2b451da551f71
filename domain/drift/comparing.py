"""Comparing: two spreads of the same inputs, and what differs beyond chance.

Source: Yurdakul, Statistical Properties of Population Stability Index (2018), on why a fixed
threshold is wrong; Lin, IEEE Trans. Inf. Theory 37 (1991) 145-151, on the Jensen-Shannon divergence;
Endres and Schindelin, IEEE Trans. Inf. Theory 49 (2003) 1858-1860, on its root as a distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from domain.drift.bins import Bins
from domain.drift.sample import Sample

FEWEST = 200
"""Customers of a day below which nothing is said: about twenty for each of ten bins."""
FALSE_ALARMS = 0.01
"""The share of days on which chance alone raises an alarm anywhere in a version."""
DRAWS = 2_000
"""Pairs of samples drawn to find a threshold; twenty of them lie above it."""
SMALL = 0.1
"""A difference that is smaller is no alarm, however many customers show it: Cohen's w.

It is the least that he calls small. Source: Cohen, Statistical Power Analysis for the Behavioral
Sciences (1988), chapter 7; du Pisanie et al., A Critical Review of Existing and New Population
Stability Testing Procedures (2023), on effect sizes where samples are large.
"""
_ADDED = 0.5
"""Customers added to each bin, so that an empty one has a logarithm; half of one, after Jeffreys."""
_TINY = 1e-12


class Measure(StrEnum):
    """How a difference is measured; each from 0 on, where 0 is none."""

    POPULATION_STABILITY = "population_stability"
    JENSEN_SHANNON = "jensen_shannon"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one input, and the threshold that chance alone does not pass."""

    input: str
    measure: Measure
    value: float
    threshold: float

    @property
    def drifted(self) -> bool:
        """Whether it is beyond chance."""
        return self.value > self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was measured of all inputs, and the share of customers without a value, by input.

    A score is missing where the history is empty.
    """

    measured: tuple[Measured, ...]
    missing_then: Sequence[float]
    missing_now: Sequence[float]

    @property
    def drifted(self) -> tuple[Measured, ...]:
        """What is beyond chance."""
        return tuple(each for each in self.measured if each.drifted)


def compare(bins: Sequence[tuple[str, Bins]], then: Sample, now: Sample) -> Comparison | None:
    """How two samples of the same inputs differ; None: one has too few customers to tell.

    The values that are there are compared with each other, and the shares of missing ones apart.
    """
    if min(then.customers, now.customers) < FEWEST:
        return None
    thresholds = _thresholds(
        then.tally.tobytes(),
        tuple(1 + len(each) for _, each in bins),
        (_rounded_down(then.customers), _rounded_down(now.customers)),
    )
    one, other = _worth(then), _worth(now)
    measured: list[Measured] = []
    for at, (name, each) in enumerate(bins):
        width = 1 + len(each)
        found = _measures(one[at, :width], other[at, :width])
        measured += [
            Measured(name, measure, float(value), float(threshold))
            for measure, value, threshold in zip(Measure, found, thresholds[at], strict=True)
        ]
    return Comparison(
        measured=tuple(measured),
        missing_then=_shares(one)[:, 0].tolist(),
        missing_now=_shares(other)[:, 0].tolist(),
    )


def _worth(sample: Sample) -> NDArray[np.float64]:
    """The tally of as many customers as the sample is worth."""
    worth: NDArray[np.float64] = sample.tally * (sample.customers / sample.tally[0].sum())
    return worth


def population_stability(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The population stability index of counts: sum of (p - q) ln(p / q). Shape: (..., bins) to (...).

    Half a customer is added to each bin.
    """
    p, q = _shares(one + _ADDED), _shares(other + _ADDED)
    index: NDArray[np.float64] = np.sum((p - q) * np.log(p / q), axis=-1)
    return index


def jensen_shannon_distance(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The root of the Jensen-Shannon divergence of counts, to base 2, so 1 at most.

    Without any count on a side it is 0. Shape: (..., bins) to (...).
    """
    p, q = _shares(one), _shares(other)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    there = (p.sum(axis=-1) > 0) & (q.sum(axis=-1) > 0)
    return np.where(there, np.sqrt(np.maximum(divergence, 0.0)), 0.0)


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=-1, keepdims=True), _TINY)
    return shares


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    entropy: NDArray[np.float64] = np.sum(p * np.log2(ratio), axis=-1)
    return entropy


def _measures(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each measure, in the order of `Measure`. Shape: (..., 1 + bins) to (3, ...)."""
    missing = one[..., 0] / one.sum(axis=-1) - other[..., 0] / other.sum(axis=-1)
    one, other = one[..., 1:], other[..., 1:]
    return np.stack(
        [population_stability(one, other), jensen_shannon_distance(one, other), np.abs(missing)]
    )


def _rounded_down(customers: float) -> int:
    """To two digits: so few sizes are asked for, and fewer customers have higher thresholds."""
    size = 10.0 ** (int(np.log10(customers)) - 1)
    return int(customers // size * size)


@lru_cache(maxsize=64)
def _thresholds(
    tally: bytes, widths: tuple[int, ...], sizes: tuple[int, int]
) -> NDArray[np.float64]:
    """What chance alone passes in one of a hundred days, in any input. Shape: (inputs, 3).

    Both samples are drawn anew, of these sizes, from the same spread: that of the first tally.
    Each measure is put in terms of its own mean and deviation, and the largest of all of them counts.
    Inputs are drawn apart from each other: together they would exceed less often. Source: Westfall
    and Young, Resampling-Based Multiple Testing (1993), of the largest statistic.
    """
    rng = np.random.default_rng(0)
    counts = np.frombuffer(tally, dtype=np.int64).reshape(len(widths), -1)
    drawn = np.stack(
        [_by_chance(rng, row[:width], sizes) for row, width in zip(counts, widths, strict=True)]
    )
    mean, deviation = drawn.mean(axis=-1), drawn.std(axis=-1)
    largest = ((drawn - mean[..., None]) / np.maximum(deviation, _TINY)[..., None]).max(axis=(0, 1))
    thresholds = mean + np.quantile(largest, 1 - FALSE_ALARMS) * deviation
    found: NDArray[np.float64] = np.maximum(thresholds, _small(counts))
    return found


def _by_chance(
    rng: np.random.Generator, counts: NDArray[np.int64], sizes: tuple[int, int]
) -> NDArray[np.float64]:
    """The measures of pairs of samples of one spread. Shape: (1 + bins,) to (3, draws)."""
    spread = _shares(counts.astype(np.float64) + _ADDED)
    one, other = (rng.multinomial(n, spread, size=DRAWS).astype(np.float64) for n in sizes)
    return _measures(one, other)


def _small(tally: NDArray[np.int64]) -> NDArray[np.float64]:
    """The measures of a difference that is just small. Shape: (inputs, bins) to (inputs, 3).

    For small differences the index is w^2, and the divergence w^2 / (8 ln 2).
    """
    missing = tally[:, 0] / tally.sum(axis=1)
    shares = SMALL * np.sqrt(missing * (1 - missing))
    return np.column_stack(
        [np.full(len(tally), SMALL**2), np.full(len(tally), SMALL / np.sqrt(8 * np.log(2))), shares]
    )

"""Sample: customers by bin, and as how many of them they count."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.drift.bins import MOST_BINS

WIDTH = 1 + MOST_BINS
"""Columns of a tally: missing values, then the bins."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Customers by bin, and as how many independent ones they count.

    Shape: tally (inputs, 1 + bins) int64.
    """

    tally: NDArray[np.int64]
    customers: float

    @classmethod
    def of(cls, tallies: Sequence[NDArray[np.int64]]) -> "Sample":
        """What several processes counted, each a customer once; at least one process."""
        counts = [int(tally[0].sum()) for tally in tallies]
        return cls(np.sum(tallies, axis=0), independent_customers(counts))


def independent_customers(counts: Sequence[int]) -> float:
    """As how many customers these counts of several processes are worth, at the least.

    Each process counts a customer once, so the same customer may be in all of them. With m times
    customer i, the counts are worth (sum m)^2 / sum m^2 customers. The sum of squares is that of the
    customers that each two processes share, which are no more than the smaller one has.
    Source: Kish, Survey Sampling (1965), of weights.
    """
    total = sum(counts)
    if not total:
        return 0.0
    smaller = np.minimum.outer(np.array(counts, dtype=np.float64), np.array(counts))
    return total**2 / float(smaller.sum())


def tally_of(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many of each code there are. Shape: (n, inputs) uint8 to (inputs, 1 + bins) int64."""
    inputs = codes.shape[1]
    flat = codes + np.arange(inputs, dtype=np.int64) * WIDTH
    return np.bincount(flat.ravel(), minlength=inputs * WIDTH).reshape(inputs, WIDTH)

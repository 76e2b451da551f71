"""Bins: into which of a few ranges each value of an input falls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCORE = "score"
"""The input that is what the version answers; all others are features, by their names."""
SHARES = np.arange(1, 10) / 10
"""Of the values below each edge. Ten bins are the custom. Source: Siddiqi, Credit Risk Scorecards."""
HEAVY = 0.1
"""A value of so large a share has a bin of its own."""
MOST_BINS = 22
"""Nine tenths are edges, a heavy value's neighbour is one more, and at most ten are heavy."""


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Ranges of one input, each with its upper edge inside; the first and the last have no end.

    `nothing` is the value of a customer without a purchase that counts; None: it tells nothing.
    Shape: edges (n,) float64, ascending.

    Raises:
        ValueError: the edges are too many, do not ascend, or are not finite.
    """

    edges: NDArray[np.float64]
    nothing: float | None

    def __post_init__(self) -> None:
        if len(self) > MOST_BINS or not np.isfinite(self.edges).all():
            raise ValueError(f"{len(self)} bins with edges {self.edges.tolist()}")
        if (np.diff(self.edges) <= 0).any():
            raise ValueError(f"edges do not ascend: {self.edges.tolist()}")

    def __len__(self) -> int:
        """The number of bins, without that of missing values."""
        return len(self.edges) + 1

    @classmethod
    def of(cls, values: NDArray[np.float64], nothing: float | None) -> "Bins":
        """Bins with about as many of these values in each; no other shares a heavy one's. Shape: (n,)."""
        plain = cls(np.empty(0), nothing)
        distinct, counts = np.unique(values[plain.codes(values) > 0], return_counts=True)
        if not len(distinct):
            return plain
        up_to: NDArray[np.int64] = np.cumsum(counts)
        tenths = np.searchsorted(up_to, SHARES * float(up_to[-1]))
        heavy = np.flatnonzero(counts >= HEAVY * up_to[-1])
        with np.errstate(over="ignore"):  # below the least number there is none
            below = np.where(heavy, distinct[heavy - 1], np.nextafter(distinct[heavy], -np.inf))
        edges = np.unique(np.concatenate([distinct[tenths], distinct[heavy], below]))
        return cls(edges[np.isfinite(edges)], nothing)

    def codes(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The bin of each value, from 1; 0 where a value is missing. Shape: (n,) to (n,) uint8.

        Missing is what is not finite, and what a customer without purchases has.
        """
        codes = (np.searchsorted(self.edges, values) + 1).astype(np.uint8)
        codes[~np.isfinite(values)] = 0
        if self.nothing is not None:
            codes[values == self.nothing] = 0
        return codes

"""Curves over every threshold: buyers reached by contacting the likeliest, and the ROC.

Equal probabilities are one step: their order is chance, so the curve is straight between its ends.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_registry.versions import HeldOut

POINTS = 100
"""About so many points of a curve are enough to draw it."""

Points = Sequence[tuple[float, float]]


def gain_curve(held_out: HeldOut, *, most: int = POINTS) -> Points:
    """Share of rows contacted, the highest probabilities first, and share of all buyers among them.

    From (0, 0) to (1, 1), at most `most` + 1 points.
    """
    rows, buyers = _steps(held_out, most)
    return _points(rows / rows[-1], buyers / buyers[-1])


def roc_curve(held_out: HeldOut, *, most: int = POINTS) -> Points:
    """Share of the others, and share of the buyers, that lie above each threshold.

    From (0, 0) to (1, 1), at most `most` + 1 points.
    Source: Fawcett, Pattern Recognition Letters 27 (2006) 861-874.
    """
    rows, buyers = _steps(held_out, most)
    others = rows - buyers
    return _points(others / others[-1], buyers / buyers[-1])


def _steps(held_out: HeldOut, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows, and buyers among them, above each of some thresholds. Shape: (points,) each."""
    order = np.argsort(-held_out.probabilities, kind="stable")
    ranked = held_out.probabilities[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    if len(ends) > most:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, most).astype(np.int64))]
    buyers = np.cumsum(held_out.labels[order], dtype=np.int64)
    return np.insert(ends + 1, 0, 0), np.insert(buyers[ends], 0, 0)


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    return list(zip(x.tolist(), y.tolist(), strict=True))

"""Golden rows: what a version is asked at every load."""

import numpy as np
from numpy.typing import NDArray

from domain.features import FeatureSet, Histories

GOLDEN_ROWS = 200


def golden_rows(
    features: FeatureSet, cut_off: int, matrix: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Held-out rows spread evenly over the ranks of their scores, and an empty history's row.

    `cut_off` is that of the rows, in microseconds since the epoch, UTC. Shape: matrix (n, k), scores
    (n,), to at most 201 rows of k.
    """
    ranked = np.argsort(scores, kind="stable")
    spread = np.linspace(0, len(ranked) - 1, min(GOLDEN_ROWS, len(ranked))).round().astype(np.int64)
    no_category = "" if features.targeted else None
    empty = features.matrix(Histories.of([()]), cut_off, target=no_category)
    rows: NDArray[np.float64] = np.unique(np.concatenate([empty, matrix[ranked[spread]]]), axis=0)
    return rows

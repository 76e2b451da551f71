"""Candidate: what training hands to the registry to become a version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.features import FeatureSet


@dataclass(frozen=True, slots=True)
class GoldenVectors:
    """Inputs with the probabilities that the trained model gave them before its export.

    Every load scores them again: warm-up, parity and platform check in one.
    Shape: matrix (n, k) float64, probabilities (n,) float64.
    """

    matrix: NDArray[np.float64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Held-out customers of similar probability: what was predicted and what happened."""

    count: int
    mean_probability: float
    observed_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained model with the evidence for it; `facts` says how it was trained, as plain JSON."""

    scorer_kind: str
    scorer_options: Mapping[str, object]
    blobs: Mapping[str, bytes]
    features: FeatureSet
    horizon_days: int
    golden: GoldenVectors
    metrics: Mapping[str, float]
    calibration: Sequence[CalibrationBin]
    facts: Mapping[str, object]

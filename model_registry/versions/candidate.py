"""Candidate: what training hands to the registry to become a version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.drift import Reference
from domain.features import FeatureSet
from model_registry.errors import CorruptRegistry
from model_registry.storage import Count, canonical, check_canonical, decoded
from model_registry.versions.held_out import HeldOut


@dataclass(frozen=True, slots=True)
class _StoredVectors:
    matrix: list[list[float]]
    probabilities: list[float]


@dataclass(frozen=True, slots=True)
class GoldenVectors:
    """Inputs with the probabilities that the trained model gave them before its export.

    Every load scores them again: warm-up, parity and platform check in one.
    Shape: matrix (n, k) float64, probabilities (n,) float64.
    """

    matrix: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    def encode(self) -> bytes:
        """The vectors as canonical JSON, whose floats read back to the last bit.

        Raises:
            ValueError: a number is not finite.
        """
        return canonical(
            {"matrix": self.matrix.tolist(), "probabilities": self.probabilities.tolist()}
        )

    @classmethod
    def decode(cls, key: str, content: bytes) -> "GoldenVectors":
        """The vectors stored under `key`.

        Raises:
            CorruptRegistry: they are not golden vectors; names the field.
        """
        stored = decoded(key, content, _StoredVectors)
        try:
            matrix = np.array(stored.matrix, dtype=np.float64)
            probabilities = np.array(stored.probabilities, dtype=np.float64)
        except (ValueError, TypeError, OverflowError) as exc:
            raise CorruptRegistry(key, f"golden vectors must be rows of floats ({exc})") from exc
        if matrix.ndim != 2 or probabilities.shape != matrix.shape[:1]:  # noqa: PLR2004  # rows
            raise CorruptRegistry(
                key,
                "golden vectors must be rows of one width with one probability each, "
                f"not of shapes {matrix.shape} and {probabilities.shape}",
            )
        if not (np.isfinite(matrix).all() and np.isfinite(probabilities).all()):
            raise CorruptRegistry(key, "golden vectors must be finite")
        golden = cls(matrix, probabilities)
        check_canonical(key, content, golden.encode())
        return golden


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Held-out customers of similar probability: what was predicted and what happened."""

    count: Count
    mean_probability: float
    observed_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained model with the evidence for it; `facts` says how it was trained, as plain JSON.

    `intervals` says between which values (low, high) a metric lies with 95 % confidence. With
    `held_out`, other versions can be compared with this one customer by customer. With a `reference`,
    the customers who are asked about can be compared with those of training.
    """

    scorer_kind: str
    scorer_options: Mapping[str, object]
    blobs: Mapping[str, bytes]
    features: FeatureSet
    horizon_days: int
    golden: GoldenVectors
    metrics: Mapping[str, float]
    calibration: Sequence[CalibrationBin]
    facts: Mapping[str, object]
    intervals: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    held_out: HeldOut | None = None
    reference: Reference | None = None
    card: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """What describes the version to people, by file name; such a blob is never loaded to score."""

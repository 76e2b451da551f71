"""HeldOut: what a version told of the customers it was judged on, and what they did."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_registry.errors import CorruptRegistry
from model_registry.storage import Sha256, canonical, check_canonical, decoded


@dataclass(frozen=True, slots=True)
class _Stored:
    asked: Sha256
    labels: list[int]
    probabilities: list[float]
    customer: list[int] | None
    category: list[int] | None


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """One row per held-out customer: who bought, and the probability served for it.

    Of a model that says who buys within a category there is one per customer and category. Then
    `customer` and `category` say which rows belong together; both are numbers without a meaning
    elsewhere. Shape: (n,) int64 each.

    `asked` is TrainingSet.held_out_sha256. Two versions with the same one have the same customers
    in the same rows. It holds no ids.
    Shape: labels (n,) bool, probabilities (n,) float64.

    Raises:
        ValueError: the shapes differ, or the labels are of one class only.
    """

    asked: str
    labels: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    customer: NDArray[np.int64] | None = None
    category: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for column in (self.customer, self.category):
            if column is not None and column.shape != self.labels.shape:
                raise ValueError("held-out rows need one customer and one category each, or none")
        if self.labels.ndim != 1 or self.labels.shape != self.probabilities.shape:
            raise ValueError(
                "held-out customers need one label and one probability each, "
                f"not shapes {self.labels.shape} and {self.probabilities.shape}"
            )
        if self.labels.all() or not self.labels.any():
            raise ValueError("held-out customers must be of both classes")
        if not ((self.probabilities >= 0.0) & (self.probabilities <= 1.0)).all():
            raise ValueError("held-out probabilities must lie in [0, 1]")

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.labels)

    def encode(self) -> bytes:
        """The rows as canonical JSON, whose floats read back to the last bit."""
        return canonical(
            {
                "asked": self.asked,
                "labels": self.labels.astype(np.int64).tolist(),
                "probabilities": self.probabilities.tolist(),
                "customer": None if self.customer is None else self.customer.tolist(),
                "category": None if self.category is None else self.category.tolist(),
            }
        )

    @classmethod
    def decode(cls, key: str, content: bytes) -> "HeldOut":
        """The rows stored under `key`.

        Raises:
            CorruptRegistry: they are none; says why.
        """
        stored = decoded(key, content, _Stored)
        try:
            held_out = cls(
                stored.asked,
                np.array(stored.labels) == 1,
                np.array(stored.probabilities, dtype=np.float64),
                None if stored.customer is None else np.array(stored.customer, dtype=np.int64),
                None if stored.category is None else np.array(stored.category, dtype=np.int64),
            )
        except (ValueError, TypeError, OverflowError) as exc:
            raise CorruptRegistry(key, f"is not what held-out customers did ({exc})") from exc
        check_canonical(key, content, held_out.encode())
        return held_out

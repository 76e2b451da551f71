"""ConstantScorer: the same probability for every customer, a baseline and a safe fallback."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from adapters.scorers.checks import exactly, finite_rows, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantScorer:
    """Scores every row of `width` features alike; promoted on purpose, never by itself."""

    probability: float
    width: int

    @classmethod
    def build(cls, options: Mapping[str, object], _blobs: Mapping[str, bytes], /) -> Self:
        """A scorer from {"probability": a number in [0, 1], "width": number of features}.

        Raises:
            ValueError: an option is missing, unknown or out of range; blobs are not read.
        """
        exactly(options, "probability", "width")
        probability = options["probability"]
        if (
            not isinstance(probability, int | float)
            or isinstance(probability, bool)
            or not 0.0 <= probability <= 1.0
        ):
            raise ValueError(
                f"option 'probability' must be a number in [0, 1], not {probability!r}"
            )
        return cls(probability=float(probability), width=whole(options, "width", least=1))

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """The probability, once per row. Shape: (n, width) float64 to (n,) float64.

        Raises:
            ValueError: the matrix has another width, or holds a value that is not finite.
        """
        return np.full(len(finite_rows(matrix, width=self.width)), self.probability)

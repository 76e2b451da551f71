"""LinearScorer: a logistic regression given as plain numbers, for which numpy is enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Self, TypeGuard

import numpy as np
from numpy.typing import NDArray

from adapters.scorers.checks import exactly, finite_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearScorer:
    """1 / (1 + exp(-(intercept + the sum of coefficient times feature)))."""

    coefficients: Sequence[float]
    intercept: float

    @classmethod
    def build(cls, options: Mapping[str, object], _blobs: Mapping[str, bytes], /) -> Self:
        """A scorer from {"coefficients": [one number per feature], "intercept": a number}.

        Raises:
            ValueError: an option is missing, unknown or no finite number; blobs are not read.
        """
        exactly(options, "coefficients", "intercept")
        coefficients, intercept = options["coefficients"], options["intercept"]
        if not _is_numbers(coefficients) or not coefficients:
            raise ValueError(
                f"option 'coefficients' must be a list of finite numbers, not {coefficients!r:.80}"
            )
        if not _is_number(intercept):
            raise ValueError(f"option 'intercept' must be a finite number, not {intercept!r:.80}")
        return cls(coefficients=tuple(map(float, coefficients)), intercept=float(intercept))

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """One probability in [0, 1] per row. Shape: (n, width) float64 to (n,) float64.

        Summed column by column: a matrix product would add in an order that depends on how many
        rows there are.

        Raises:
            ValueError: the matrix has another width, or holds a value that is not finite.
        """
        rows = finite_rows(matrix, width=len(self.coefficients))
        with np.errstate(over="ignore", invalid="ignore"):
            logits = np.full(len(rows), self.intercept)
            for column, coefficient in enumerate(self.coefficients):
                logits += coefficient * rows[:, column]
            probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logits))
        if np.isnan(probabilities).any():  # one infinite term less another
            raise ValueError("the features are too large for the coefficients")
        return probabilities


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_numbers(value: object) -> TypeGuard[Sequence[float]]:
    return isinstance(value, list | tuple) and all(map(_is_number, value))

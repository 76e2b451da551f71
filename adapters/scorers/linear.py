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
    """1 / (1 + exp(-(intercept + the sum of coefficient times (feature - mean) / scale)))."""

    coefficients: Sequence[float]
    intercept: float
    mean: Sequence[float]
    scale: Sequence[float]

    @classmethod
    def build(cls, options: Mapping[str, object], _blobs: Mapping[str, bytes], /) -> Self:
        """A scorer from {"coefficients": [one number per feature], "intercept": a number}.

        Optional are "mean" and "scale", one number per feature each, by which features are
        standardised first: 0 and 1 unless given.

        Raises:
            ValueError: an option is missing, unknown or no finite number; blobs are not read.
        """
        exactly(options, "coefficients", "intercept", optional=("mean", "scale"))
        coefficients, intercept = _numbers(options, "coefficients"), options["intercept"]
        if not _is_number(intercept):
            raise ValueError(f"option 'intercept' must be a finite number, not {intercept!r:.80}")
        defaults = {"mean": [0.0] * len(coefficients), "scale": [1.0] * len(coefficients)}
        mean, scale = (_numbers({**defaults, **options}, name) for name in ("mean", "scale"))
        if not len(coefficients) == len(mean) == len(scale):
            raise ValueError(
                "options 'coefficients', 'mean' and 'scale' must have one number per feature, not "
                f"{len(coefficients)}, {len(mean)} and {len(scale)}"
            )
        if min(scale) <= 0.0:
            raise ValueError(f"option 'scale' must be of numbers above 0, not {min(scale)}")
        return cls(coefficients=coefficients, intercept=float(intercept), mean=mean, scale=scale)

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """One probability in [0, 1] per row. Shape: (n, width) float64 to (n,) float64.

        Summed column by column: a matrix product would add in an order that depends on how many
        rows there are.

        Raises:
            ValueError: the matrix has another width, or holds a value that is not finite, or one
                so large that the sum has no value.
        """
        rows = finite_rows(matrix, width=len(self.coefficients))
        terms = zip(self.coefficients, self.mean, self.scale, rows.T, strict=True)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = np.full(len(rows), self.intercept)
            for coefficient, mean, scale, column in terms:
                logits += coefficient * ((column - mean) / scale)
            probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logits))
        if np.isnan(probabilities).any():  # one infinite term less another
            raise ValueError("the features are too large for the coefficients")
        return probabilities


def _numbers(options: Mapping[str, object], name: str) -> Sequence[float]:
    values = options[name]
    if not _is_numbers(values) or not values:
        raise ValueError(f"option {name!r} must be a list of finite numbers, not {values!r:.80}")
    return tuple(map(float, values))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_numbers(value: object) -> TypeGuard[Sequence[float]]:
    return isinstance(value, list | tuple) and all(map(_is_number, value))

"""Reference: how the inputs of a version were spread over the customers of its training."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from domain.drift.bins import SCORE, Bins
from domain.drift.sample import WIDTH, Sample, tally_of
from domain.features import Aggregation, FeatureSet, Histories
from domain.values import MICROS_PER_DAY

_ANY_INSTANT = 20_000 * MICROS_PER_DAY


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The bins of every feature and of the score, and how many customers fell into each.

    A score is missing where every feature is: of an empty history. So the first column of the score
    counts those. Shape: tally (inputs, 1 + bins) int64, the first column of missing values; the sum
    of each row is the number of customers.

    Raises:
        ValueError: the shapes differ, or a count is negative.
    """

    inputs: tuple[str, ...]
    bins: tuple[Bins, ...]
    tally: NDArray[np.int64]
    _told_apart: NDArray[np.int64] = field(init=False, repr=False)
    """The features whose values can be missing. Shape: (n,) int64, of columns."""

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.bins) or self.inputs[-1:] != (SCORE,):
            raise ValueError("each input has its bins, and the score is the last one")
        check_tally(self.tally, self.bins)
        told_apart = [at for at, bins in enumerate(self.bins[:-1]) if bins.nothing is not None]
        object.__setattr__(self, "_told_apart", np.array(told_apart, dtype=np.int64))

    @property
    def customers(self) -> int:
        """How many customers were counted."""
        return int(self.tally[0].sum())

    @property
    def named_bins(self) -> Sequence[tuple[str, Bins]]:
        """Each input with its bins."""
        return list(zip(self.inputs, self.bins, strict=True))

    @property
    def sample(self) -> Sample:
        """The customers of training."""
        return Sample(self.tally, self.customers)

    @classmethod
    def of(
        cls,
        features: FeatureSet,
        matrix: NDArray[np.float64],
        scores: NDArray[np.float64],
        customer: NDArray[np.int64],
    ) -> "Reference":
        """The reference of these rows, one of each customer, drawn by lot where there are more.

        Rows of one customer say the same twice, and would make thresholds too low. Shape: matrix (n,
        k) and scores (n,) float64, customer (n,) int64.
        """
        by_lot = np.random.default_rng(0).permutation(len(customer))
        _, first = np.unique(customer[by_lot], return_index=True)
        values = np.column_stack([matrix, scores])[by_lot[first]]
        without = _without_purchases(features)
        bins = [Bins.of(column, value) for column, value in zip(values.T, without, strict=False)]
        inputs = (*features.names, SCORE)
        nothing = np.zeros((len(inputs), WIDTH), dtype=np.int64)
        plain = cls(inputs, (*bins, Bins(np.empty(0), None)), nothing)
        there = plain.codes(values)[:, -1] > 0
        binned = cls(inputs, (*bins, Bins.of(values[there, -1], None)), nothing)
        return binned.with_tally(tally_of(binned.codes(values)))

    def codes(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The bin of every value; 0: missing. Shape: (n, inputs) float64 to (n, inputs) uint8."""
        codes = np.empty(values.shape, dtype=np.uint8)
        for column, bins in enumerate(self.bins):
            codes[:, column] = bins.codes(values[:, column])
        if len(self._told_apart):
            codes[~codes[:, self._told_apart].any(axis=1), -1] = 0
        return codes

    def with_tally(self, tally: NDArray[np.int64]) -> "Reference":
        """The same bins with another tally. Shape: (inputs, 1 + bins) int64.

        Raises:
            ValueError: it is not of these bins.
        """
        return replace(self, tally=tally)


def check_tally(tally: NDArray[np.int64], bins: tuple[Bins, ...]) -> None:
    """Returns when every input has the same number of customers, in its own bins.

    Raises:
        ValueError: it has not.
    """
    if tally.shape != (len(bins), WIDTH) or (tally < 0).any():
        raise ValueError(f"counts of shape {tally.shape} for {len(bins)} inputs")
    if len(np.unique(tally.sum(axis=1))) != 1:
        raise ValueError("not every input has the same number of customers")
    if any(counts[1 + len(each) :].any() for counts, each in zip(tally, bins, strict=True)):
        raise ValueError("counts of a bin that there is not")


def _without_purchases(features: FeatureSet) -> list[float | None]:
    """What each feature is without any purchase; None where that is no sign of it."""
    nobody = Histories.of([()])
    (row,) = features.matrix(nobody, _ANY_INSTANT, target="" if features.targeted else None)
    return [
        None if Aggregation.CATEGORY_BASE_RATE in feature.aggregations else value
        for feature, value in zip(features.features, row.tolist(), strict=True)
    ]

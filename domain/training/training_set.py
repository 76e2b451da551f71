"""Training sets: features as they were known at a cut-off, labels from what came after it."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import TrainingRefused
from domain.features import FeatureSet, Histories
from domain.values import MICROS_PER_DAY

MIN_EXAMPLES_PER_CLASS = 10
"""Fewer of either class say nothing: ten events per coefficient is the usual rule of thumb.

Source: Peduzzi et al., J. Clin. Epidemiol. 49 (1996) 1373-1379.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOffs:
    """When features are taken; each label looks ahead over (cut-off, cut-off + horizon].

    Instants in microseconds since the epoch, UTC. No training label reaches beyond the held-out
    cut-off, so nothing that the evaluation asks about was learnt from.
    """

    training: tuple[int, ...]
    held_out: int
    horizon_us: int

    @classmethod
    def plan(
        cls, *, first: int, last: int, window_us: int, horizon_us: int, most: int
    ) -> "CutOffs":
        """Cut-offs one horizon apart, the newest held out, the oldest with a full window.

        Args:
            first: the instant of the first purchase known.
            last: the instant up to which every purchase is known.
            window_us: the longest window of the features.
            horizon_us: how far ahead a label looks.
            most: how many training cut-offs to use at most.

        Raises:
            TrainingRefused: the purchases span too little time for one training cut-off.
            ValueError: no cut-off is asked for, or the horizon is not ahead.
        """
        if most < 1 or horizon_us < 1:
            raise ValueError(f"needs a cut-off and a horizon, not {most} and {horizon_us} us")
        held_out = last - horizon_us
        room = held_out - horizon_us - (first + window_us)
        if room < 0:
            need = -(-(window_us + 2 * horizon_us) // MICROS_PER_DAY)
            raise TrainingRefused(
                "purchases",
                f"span {(last - first) // MICROS_PER_DAY} full days, training needs {need}: "
                "one window, one horizon to learn from and one to be tested on",
            )
        count = min(most, room // horizon_us + 1)
        training = tuple(held_out - horizon_us * step for step in range(count, 0, -1))
        return cls(training=training, held_out=held_out, horizon_us=horizon_us)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Rows to learn from or to be tested on. Shape: matrix (n, k) float64, labels (n,) bool."""

    matrix: NDArray[np.float64]
    labels: NDArray[np.bool_]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.labels)

    @property
    def buyers(self) -> int:
        """The number of rows whose customer bought within the horizon."""
        return int(self.labels.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSet:
    """Everything a model is trained and judged on.

    `held_out_sha256` is equal only for the same held-out customers in the same order, with the same
    cut-off and horizon. Customers are told apart by when they bought.
    """

    features: FeatureSet
    cut_offs: CutOffs
    training: Examples
    held_out: Examples
    held_out_sha256: str
    customers: int
    purchases: int


def examples_at(
    histories: Histories, cut_off: int, *, features: FeatureSet, horizon_us: int
) -> Examples:
    """One row per customer who had bought by the cut-off: who came later was not known then.

    Bought within the horizon is what was not given back in full by its end.
    """
    known = histories.count(histories.purchased_at <= cut_off) > 0
    at = histories.known_at(cut_off + horizon_us).purchased_at
    bought = histories.count((at > cut_off) & (at <= cut_off + horizon_us)) > 0
    return Examples(features.matrix(histories, cut_off)[known], bought[known])


def training_set(
    histories: Histories, *, features: FeatureSet, horizon_us: int, most_cut_offs: int
) -> TrainingSet:
    """The point-in-time training set of these histories.

    Purchases are taken to be known up to the last one of any customer.

    Raises:
        TrainingRefused: no purchases, too short a span, or one class only.
    """
    if not len(histories.purchased_at):
        raise TrainingRefused("purchases", "none are stored; import some first")
    cut_offs = CutOffs.plan(
        first=int(histories.purchased_at.min()),
        last=int(histories.purchased_at.max()),
        window_us=features.longest_window.length_us,
        horizon_us=horizon_us,
        most=most_cut_offs,
    )
    parts = [
        examples_at(histories, cut_off, features=features, horizon_us=horizon_us)
        for cut_off in (*cut_offs.training, cut_offs.held_out)
    ]
    training = Examples(
        np.concatenate([part.matrix for part in parts[:-1]]),
        np.concatenate([part.labels for part in parts[:-1]]),
    )
    _check_examples("training", training)
    _check_examples("held-out", parts[-1])
    return TrainingSet(
        features=features,
        cut_offs=cut_offs,
        training=training,
        held_out=parts[-1],
        held_out_sha256=_held_out_sha256(histories, cut_offs),
        customers=len(histories),
        purchases=len(histories.purchased_at),
    )


def _held_out_sha256(histories: Histories, cut_offs: CutOffs) -> str:
    digest = hashlib.sha256(f"{cut_offs.held_out} {cut_offs.horizon_us}".encode())
    for column in (histories.offsets, histories.purchased_at):
        digest.update(column.astype("<i8").tobytes())
    return digest.hexdigest()


def _check_examples(part: str, examples: Examples) -> None:
    others = len(examples) - examples.buyers
    if min(examples.buyers, others) < MIN_EXAMPLES_PER_CLASS:
        raise TrainingRefused(
            f"{part} examples",
            f"{examples.buyers} bought within the horizon and {others} did not; "
            f"at least {MIN_EXAMPLES_PER_CLASS} of each are needed",
        )

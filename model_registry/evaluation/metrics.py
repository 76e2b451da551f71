"""Evaluation: how well probabilities told who would buy, and how sure that is.

Intervals come from the percentile bootstrap. The held-out customers are drawn again with
replacement, and every draw is judged. Seeded: the same customers
have the same draws, so two versions judged on them can be compared draw by draw.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from model_registry.versions import CalibrationBin, HeldOut

RESAMPLES = 500
SEED = 20_260_301
LEVEL = 0.95
METRICS = ("auc", "log_loss", "brier", "ece")
"""Those with an interval. Of the first more is better, of the others less.

`ece` is the expected calibration error over ten bins of about equal count: how far probabilities lie
from what happened. Source: Naeini et al., AAAI (2015) 2901-2907.
"""

CALIBRATION_BINS = 10
LEAST_OF_EACH = 10
"""A category with fewer who bought, or who did not, has no AUC of its own here."""

Interval = tuple[float, float]
_Judge = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def evaluate(held_out: HeldOut) -> dict[str, float]:
    """The metrics on the held-out customers; all plain numbers.

    `base_rate_log_loss` is that of answering everyone with the held-out base rate: the best
    that any constant can do, so a model must lie below it.
    """
    base_rate = float(held_out.labels.mean())
    constant = np.full(len(held_out), base_rate)
    each_once = np.ones(len(held_out), dtype=np.int64)
    auc, *_ = judged = _judge(held_out)(each_once)
    within = _auc_within_categories(held_out)
    return {
        **_named(judged),
        **({} if within is None else {"auc_within_categories": within}),
        "lift_quality": lift_quality(float(auc) if within is None else within),
        "base_rate": base_rate,
        "base_rate_log_loss": float(log_losses(held_out.labels, constant).mean()),
        "held_out_customers": float(len(held_out)),
    }


def lift_quality(auc: float) -> float:
    """How much of a perfect order the order by probability has: 0 is a guess, 100 perfect.

    It is the area between the curve of gains and the diagonal, of that of a perfect model. That is
    2 AUC - 1. Source: Braze, prediction quality; Schechtman and Schechtman, Metron 77 (2019).
    """
    return 100.0 * max(0.0, 2.0 * auc - 1.0)


def quality_of(metrics: Mapping[str, float]) -> str:
    """The quality in a word: Poor, Fair, Good, or Excellent. A guess is Poor.

    Source: Braze, prediction quality: from 20, 40 and 60 of lift quality on.
    """
    quality = metrics.get("lift_quality", 0.0)
    if not metrics.get("log_loss", 1.0) < metrics.get("base_rate_log_loss", 0.0):
        return "Poor"  # it says less than the base rate alone
    words = ((60.0, "Excellent"), (40.0, "Good"), (20.0, "Fair"))
    return next((word for least, word in words if quality >= least), "Poor")


def _auc_within_categories(held_out: HeldOut) -> float | None:
    """The mean AUC over categories with enough of both classes; None: there are none."""
    if held_out.category is None:
        return None
    found: list[float] = []
    for category in np.unique(held_out.category):
        rows = held_out.category == category
        labels = held_out.labels[rows]
        if min(labels.sum(), (~labels).sum()) >= LEAST_OF_EACH:
            part = HeldOut(held_out.asked, labels, held_out.probabilities[rows])
            found.append(float(_judge(part)(np.ones(len(part), dtype=np.int64))[0]))
    return float(np.mean(found)) if found else None


def mean_interval(values: NDArray[np.float64], *, group: NDArray[np.int64]) -> Interval:
    """Where the mean lies in 95 % of draws of whole groups. Shape of both: (n,)."""
    names, groups = np.unique(group, return_inverse=True)
    sums, sizes = np.bincount(groups, weights=values), np.bincount(groups)
    random = np.random.default_rng(SEED)
    means = [
        sums[draw].sum() / sizes[draw].sum()
        for draw in (random.integers(len(names), size=len(names)) for _ in range(RESAMPLES))
    ]
    low, high = np.quantile(means, ((1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0))
    return float(low), float(high)


def intervals(held_out: HeldOut) -> dict[str, Interval]:
    """Where each of METRICS lies in 95 % of the draws: (low, high).

    A draw repeats customers, so it is worse calibrated than the whole. What it is on average is taken
    off the calibration error. Source: Efron and Tibshirani (1993), section 10.6.
    """
    judge = _judge(held_out)
    judged = np.stack([judge(draw) for draw in _draws(held_out)])
    ece = METRICS.index("ece")
    whole = judge(np.ones(len(held_out), dtype=np.int64))[ece]
    judged[:, ece] = np.maximum(judged[:, ece] - (judged[:, ece].mean() - whole), 0.0)
    return _intervals(judged)


def differences(one: HeldOut, other: HeldOut) -> dict[str, Interval]:
    """Where `other` minus `one` lies in 95 % of the draws, both judged on each same draw.

    Raises:
        ValueError: they were judged on other customers, or at another time.
    """
    if one.asked != other.asked or not np.array_equal(one.labels, other.labels):
        raise ValueError("the two were not judged on the same customers at the same time")
    before, after = _judge(one), _judge(other)
    return _intervals(np.stack([after(draw) - before(draw) for draw in _draws(one)]))


def calibration(held_out: HeldOut) -> Sequence[CalibrationBin]:
    """At most ten bins of about equal count, ascending; equal probabilities share a bin."""
    order = np.argsort(held_out.probabilities, kind="stable")
    ranked, happened = held_out.probabilities[order], held_out.labels[order]
    ends = bin_ends(ranked)
    return tuple(
        CalibrationBin(
            count=int(end - start),
            mean_probability=float(ranked[start:end].mean()),
            observed_rate=float(happened[start:end].mean()),
        )
        for start, end in zip((0, *ends[:-1]), ends, strict=True)
    )


def bin_ends(ranked: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where ten bins of about equal count end; equal probabilities share one. Shape: (bins,)."""
    last = np.ceil(np.arange(1, CALIBRATION_BINS + 1) * len(ranked) / CALIBRATION_BINS) - 1
    ends: NDArray[np.int64] = np.unique(
        np.searchsorted(ranked, ranked[last.astype(np.int64)], side="right")
    )
    return ends


def _draws(held_out: HeldOut) -> Iterator[NDArray[np.int64]]:
    """How often each row is drawn, RESAMPLES times; a draw of one class is drawn again.

    Customers are drawn, with all their rows.
    """
    random = np.random.default_rng(SEED)
    rows = np.arange(len(held_out)) if held_out.customer is None else held_out.customer
    names, row = np.unique(rows, return_inverse=True)
    size, done = len(names), 0
    while done < RESAMPLES:
        draw = np.bincount(random.integers(size, size=size), minlength=size)[row]
        if 0 < draw[held_out.labels].sum() < draw.sum():
            done += 1
            yield draw


def _judge(held_out: HeldOut) -> _Judge:
    """Computes METRICS of these customers; `counts[i]` is how often customer i was drawn."""
    labels, probabilities = held_out.labels, held_out.probabilities
    losses = np.stack([log_losses(labels, probabilities), (probabilities - labels) ** 2])
    order = np.argsort(probabilities, kind="stable")
    bought, surplus = labels[order], (probabilities - labels)[order]
    bins = [0, *bin_ends(probabilities[order])[:-1]]
    ties = np.flatnonzero(np.diff(probabilities[order], prepend=-1.0))

    def judge(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        ranked = counts[order]
        buyers = np.add.reduceat(np.where(bought, ranked, 0), ties)
        others = np.add.reduceat(np.where(bought, 0, ranked), ties)
        doubled = 2 * np.cumsum(others) - others  # pairs in order count 2, ties 1: exact
        auc = (buyers @ doubled) / (2 * buyers.sum() * others.sum())
        ece = np.abs(np.add.reduceat(ranked * surplus, bins)).sum() / counts.sum()
        return np.array([auc, *(losses @ counts / counts.sum()), ece])

    return judge


def log_losses(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The log loss of each row; a probability of 0 or 1 counts as one a rounding away from it.

    Shape: (n,) bool and float64 to (n,) float64.
    """
    rounding = np.finfo(np.float64).eps
    likelihoods = np.where(labels, probabilities, 1.0 - probabilities)
    losses: NDArray[np.float64] = -np.log(np.clip(likelihoods, rounding, 1.0 - rounding))
    return losses


def _intervals(judged: NDArray[np.float64]) -> dict[str, Interval]:
    """Of the metrics of each draw. Shape: (draws, metrics)."""
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(judged, (tail, 1.0 - tail), axis=0)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(METRICS, ends, strict=True))


def _named(values: NDArray[np.float64]) -> Mapping[str, float]:
    return dict(zip(METRICS, values.tolist(), strict=True))

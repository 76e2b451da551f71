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
METRICS = ("auc", "log_loss", "brier")
"""Those with an interval. Of the first more is better, of the others less."""

CALIBRATION_BINS = 10

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
    return {
        **_named(_judge(held_out)(each_once)),
        "base_rate": base_rate,
        "base_rate_log_loss": float(_log_losses(held_out.labels, constant).mean()),
        "held_out_customers": float(len(held_out)),
    }


def intervals(held_out: HeldOut) -> dict[str, Interval]:
    """Where each of METRICS lies in 95 % of the draws: (low, high)."""
    judge = _judge(held_out)
    return _intervals([judge(draw) for draw in _draws(held_out)])


def differences(one: HeldOut, other: HeldOut) -> dict[str, Interval]:
    """Where `other` minus `one` lies in 95 % of the draws, both judged on each same draw.

    Raises:
        ValueError: they were judged on other customers, or at another time.
    """
    if one.asked != other.asked or not np.array_equal(one.labels, other.labels):
        raise ValueError("the two were not judged on the same customers at the same time")
    before, after = _judge(one), _judge(other)
    return _intervals([after(draw) - before(draw) for draw in _draws(one)])


def calibration(held_out: HeldOut) -> Sequence[CalibrationBin]:
    """At most ten bins of about equal count, ascending; equal probabilities share a bin."""
    order = np.argsort(held_out.probabilities, kind="stable")
    ranked, happened = held_out.probabilities[order], held_out.labels[order]
    last = np.ceil(np.arange(1, CALIBRATION_BINS + 1) * len(ranked) / CALIBRATION_BINS) - 1
    ends = np.unique(np.searchsorted(ranked, ranked[last.astype(np.int64)], side="right"))
    return tuple(
        CalibrationBin(
            count=int(end - start),
            mean_probability=float(ranked[start:end].mean()),
            observed_rate=float(happened[start:end].mean()),
        )
        for start, end in zip((0, *ends[:-1]), ends, strict=True)
    )


def _draws(held_out: HeldOut) -> Iterator[NDArray[np.int64]]:
    """How often each customer is drawn, RESAMPLES times; a draw of one class is drawn again."""
    random = np.random.default_rng(SEED)
    size, done = len(held_out), 0
    while done < RESAMPLES:
        draw = np.bincount(random.integers(size, size=size), minlength=size)
        if 0 < draw[held_out.labels].sum() < size:
            done += 1
            yield draw


def _judge(held_out: HeldOut) -> _Judge:
    """Computes METRICS of these customers; `counts[i]` is how often customer i was drawn."""
    labels, probabilities = held_out.labels, held_out.probabilities
    losses = np.stack([_log_losses(labels, probabilities), (probabilities - labels) ** 2])
    order = np.argsort(probabilities, kind="stable")
    bought = labels[order]
    ties = np.flatnonzero(np.diff(probabilities[order], prepend=-1.0))

    def judge(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        ranked = counts[order]
        buyers = np.add.reduceat(np.where(bought, ranked, 0), ties)
        others = np.add.reduceat(np.where(bought, 0, ranked), ties)
        doubled = 2 * np.cumsum(others) - others  # pairs in order count 2, ties 1: exact
        auc = (buyers @ doubled) / (2 * buyers.sum() * others.sum())
        return np.array([auc, *(losses @ counts / counts.sum())])

    return judge


def _log_losses(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each customer's own; a probability of 0 or 1 counts as one a rounding away from it."""
    rounding = np.finfo(np.float64).eps
    likelihoods = np.where(labels, probabilities, 1.0 - probabilities)
    losses: NDArray[np.float64] = -np.log(np.clip(likelihoods, rounding, 1.0 - rounding))
    return losses


def _intervals(judged: Sequence[NDArray[np.float64]]) -> dict[str, Interval]:
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(np.stack(judged), (tail, 1.0 - tail), axis=0)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(METRICS, ends, strict=True))


def _named(values: NDArray[np.float64]) -> Mapping[str, float]:
    return dict(zip(METRICS, values.tolist(), strict=True))

"""Performance: how true probabilities came for the customers who were really answered.

A customer who comes often is asked about often, and buys once for all of it. So every interval is
of customers, not of decisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from model_registry.evaluation.metrics import (
    LEAST_OF_EACH,
    LEVEL,
    Interval,
    bin_ends,
    evaluate,
    intervals,
    log_losses,
    mean_interval,
)
from model_registry.versions import HeldOut

Z = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)
"""Half of an interval of 95 %, in standard errors."""
JUDGED = ("auc", "log_loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The share of decisions after which the customer bought, and where it lies with 95 %."""

    decisions: int
    customers: int
    value: float
    interval: Interval

    @property
    def error(self) -> float:
        """The standard error."""
        low, high = self.interval
        return (high - low) / (2.0 * Z)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedBin:
    """Decisions of similar probability: what was predicted, and what share bought."""

    mean_probability: float
    share: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How true the probabilities of some decisions came.

    `metrics` are `auc`, `log_loss`, `brier` and `ece`, with their `intervals`. There are none where fewer
    than ten customers bought, or fewer than ten did not. `bias` is the mean probability less the
    share that bought. `if_true` is what `auc` and `log_loss` would be on average if every
    probability were true.
    """

    share: Share
    mean_probability: float
    bias: float
    bias_interval: Interval
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    if_true: Mapping[str, float]
    calibration: Sequence[ObservedBin]


def performance(
    probability: NDArray[np.float64], bought: NDArray[np.bool_], customer: NDArray[np.int64]
) -> Performance:
    """The performance on these decisions, at least one. Shape: (n,) each; seeded."""
    surplus = probability - bought
    enough = min(len(np.unique(customer[bought])), len(np.unique(customer[~bought])))
    rows = HeldOut("", bought, probability, customer) if enough >= LEAST_OF_EACH else None
    found = {} if rows is None else evaluate(rows)
    return Performance(
        share=share_of(bought, customer),
        mean_probability=float(probability.mean()),
        bias=float(surplus.mean()),
        bias_interval=mean_interval(surplus, group=customer),
        metrics={name: found[name] for name in ("auc", "log_loss", "brier", "ece") if found},
        intervals={} if rows is None else intervals(rows),
        if_true={"auc": auc_if_true(probability), "log_loss": log_loss_if_true(probability)},
        calibration=observed_bins(probability, bought, customer),
    )


def share_of(bought: NDArray[np.bool_], customer: NDArray[np.int64]) -> Share:
    """The share that bought. Shape: (n,) each, n at least 1.

    Wilson's interval for as many independent decisions as these are worth. That is fewer where the same
    customers come again. Source: Korn and Graubard, Survey Methodology 24 (1998) 193-201.
    """
    n, value = len(bought), float(bought.mean())
    names, whose = np.unique(customer, return_inverse=True)
    of_customer = np.bincount(whose, weights=bought - value)
    variance = float(of_customer @ of_customer) / n**2
    worth = min(float(n), value * (1.0 - value) / variance) if variance else float(len(names))
    centre = (value + Z**2 / (2.0 * worth)) / (1.0 + Z**2 / worth)
    half = Z * sqrt(value * (1.0 - value) / worth + Z**2 / (4.0 * worth**2)) / (1.0 + Z**2 / worth)
    interval = max(centre - half, 0.0), min(centre + half, 1.0)
    return Share(decisions=n, customers=len(names), value=value, interval=interval)


def auc_if_true(probability: NDArray[np.float64]) -> float:
    """The AUC on average, if every customer buys with just that probability; 0.5 if nobody can.

    Source: van Klaveren et al., Stat. Med. 35 (2016) 4136-4152, model-based concordance.
    """
    ranked = np.sort(probability)
    ties = np.flatnonzero(np.diff(ranked, prepend=-1.0))
    buyers, others = np.add.reduceat(ranked, ties), np.add.reduceat(1.0 - ranked, ties)
    itself = float((ranked * (1.0 - ranked)).sum())
    in_order = float(buyers @ (2.0 * np.cumsum(others) - others)) - itself
    pairs = 2.0 * (float(buyers.sum() * others.sum()) - itself)
    return in_order / pairs if pairs > 0.0 else 0.5


def log_loss_if_true(probability: NDArray[np.float64]) -> float:
    """The log loss on average, if every customer buys with just that probability."""
    happens, not_ = (
        log_losses(np.full(len(probability), bought), probability) for bought in (True, False)
    )
    return float((probability * happens + (1.0 - probability) * not_).mean())


def observed_bins(
    probability: NDArray[np.float64], bought: NDArray[np.bool_], customer: NDArray[np.int64]
) -> Sequence[ObservedBin]:
    """At most ten bins of about equal count, ascending; equal probabilities share a bin."""
    order = np.argsort(probability, kind="stable")
    ends = bin_ends(probability[order])
    bins = [order[start:end] for start, end in zip((0, *ends[:-1]), ends, strict=True)]
    return [
        ObservedBin(
            mean_probability=float(probability[rows].mean()),
            share=share_of(bought[rows], customer[rows]),
        )
        for rows in bins
    ]

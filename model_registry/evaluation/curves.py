"""Curves: whom a version finds when the likeliest are taken first, and whether it keeps its word."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_registry.evaluation.performance import ObservedBin, calibration_of
from model_registry.versions import HeldOut

MOST_POINTS = 100
"""Of a curve, so that it is drawn as smoothly as anybody sees."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the likeliest are taken down to some probability: shares of 1 of all held-out rows.

    `buyers` over `contacted` is the curve of gains, `buyers` over `others` the ROC.
    """

    contacted: float
    buyers: float
    others: float


def reached(held_out: HeldOut) -> Sequence[Reached]:
    """The points of both curves from nobody to everybody; equal probabilities are taken together."""
    order = np.argsort(-held_out.probabilities, kind="stable")
    ranked, bought = held_out.probabilities[order], held_out.labels[order]
    ends = np.flatnonzero(np.diff(ranked, append=-1.0)) + 1
    if len(ends) > MOST_POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, MOST_POINTS).round().astype(int))]
    buyers = np.cumsum(bought)[ends - 1]
    all_buyers, rows = int(bought.sum()), len(held_out)
    points = [
        Reached(end / rows, found / all_buyers, (end - found) / (rows - all_buyers))
        for end, found in zip(ends.tolist(), buyers.tolist(), strict=True)
    ]
    return [Reached(0.0, 0.0, 0.0), *points]


def kept_word(held_out: HeldOut) -> Sequence[ObservedBin]:
    """What was predicted and what share bought, in at most ten bins; intervals are of customers."""
    rows = np.arange(len(held_out)) if held_out.customer is None else held_out.customer
    return calibration_of(held_out.probabilities, held_out.labels, rows)

"""Gains: what contacting the customers in the order of their probability brings, tenth by tenth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_registry.versions import HeldOut

TENTHS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenth:
    """One tenth of the held-out rows, those with the highest probabilities first.

    `lift` is its rate of buyers over the base rate, `gain` the share of all buyers up to its end.
    """

    rows: int
    rate: float
    lift: float
    gain: float


def tenths(held_out: HeldOut) -> Sequence[Tenth]:
    """The held-out rows by tenths, at most ten; equal probabilities stay in the order of the rows."""
    bought = held_out.labels[np.argsort(-held_out.probabilities, kind="stable")]
    base_rate, everybody = float(bought.mean()), int(bought.sum())
    found: list[Tenth] = []
    reached = 0
    for part in np.array_split(bought, TENTHS):
        if not len(part):
            continue
        reached += int(part.sum())
        rate = float(part.mean())
        found.append(
            Tenth(rows=len(part), rate=rate, lift=rate / base_rate, gain=reached / everybody)
        )
    return found

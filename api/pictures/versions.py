"""The pictures of a model's versions, from what they told of the customers who judged them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from api.pictures.contributions import contributions
from api.pictures.distribution import buckets_of, distribution
from api.pictures.gain import Gain, gain
from api.pictures.picture import Picture
from api.pictures.reliability import Bin, Reliability, reliability
from api.pictures.roc import Roc, roc
from model_registry.evaluation import gain_curve, observed_bins, roc_curve
from model_registry.versions import HeldOut, Manifest


@dataclass(frozen=True, slots=True)
class JudgedVersion:
    """A version, and what it told of its held-out customers; None: it came without."""

    manifest: Manifest
    held_out: HeldOut | None

    @property
    def name(self) -> str:
        """What it is called in a picture."""
        return f"version {self.manifest.version}"

    def bins(self) -> Sequence[Bin]:
        """What was predicted, and what share bought, with an interval of customers, not of rows.

        A version without held-out customers has its stored bins, whose rows count as independent.
        """
        rows = self.held_out
        if rows is None:
            stored = self.manifest.calibration
            return [Bin(each.count, each.mean_probability, each.observed_rate) for each in stored]
        customer = np.arange(len(rows)) if rows.customer is None else rows.customer
        return [
            Bin(each.share.decisions, each.mean_probability, each.share.value, each.share.interval)
            for each in observed_bins(rows.probabilities, rows.labels, customer)
        ]

    def weights(self) -> Sequence[tuple[str, float]] | None:
        """What one standard deviation of each feature adds to the log-odds, the largest first.

        None: the version says nothing of weights, or of how its features spread.
        """
        facts: Mapping[str, Any] = self.manifest.facts
        slopes, scales = facts.get("coefficients"), facts.get("feature_scales")
        if not isinstance(slopes, Mapping) or not isinstance(scales, Mapping):
            return None
        found = [(name, slopes[name] * scales[name]) for name in slopes if name in scales]
        return sorted(found, key=lambda each: -abs(each[1]))


def reliability_of(versions: Sequence[JudgedVersion]) -> Picture:
    """Does it keep its word? The first version in blue, a second in orange."""
    return reliability([Reliability(each.name, each.bins()) for each in versions])


def gain_of(versions: Sequence[JudgedVersion]) -> Picture:
    """Whom does it find?"""
    return gain(
        [
            Gain(each.name, [] if each.held_out is None else gain_curve(each.held_out))
            for each in versions
        ]
    )


def roc_of(versions: Sequence[JudgedVersion]) -> Picture:
    """How well does it tell buyers from others?"""
    return roc(
        [
            Roc(each.name, roc_curve(each.held_out), each.manifest.metrics.get("auc", 0.5))
            for each in versions
            if each.held_out is not None
        ]
    )


def distribution_of(version: JudgedVersion) -> Picture:
    """What does it answer? The probabilities of its held-out customers."""
    rows = version.held_out
    noun = "people" if rows is None or rows.category is None else "people and categories"
    return distribution([] if rows is None else buckets_of(rows.probabilities.tolist()), noun=noun)


def weights_of(version: JudgedVersion) -> Picture:
    """What does it look at? One standard deviation of each feature, in log-odds."""
    return contributions(version.weights() or [], noun="weight")

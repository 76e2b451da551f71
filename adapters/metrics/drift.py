"""The spread of inputs and their drift, as Prometheus sees them."""

from collections.abc import Sequence
from functools import cache
from math import nan
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from domain.drift import Measure, Reference, tally_of
from domain.prediction import ServedModel
from model_registry.serving import DriftState, VersionDrift

_OF_VERSION = ("model", "version")
_Series: TypeAlias = tuple[Gauge, tuple[str | int, ...]]


class _Spread(Histogram):
    """A histogram that takes counts of its buckets, not one value after the other."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """So many more values of each bucket, which are that much together."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class DriftMetrics:
    """Every answer's features in the bins of training, and what was found of a day.

    Buckets differ from feature to feature, so each has a histogram of its own under one name. Labels
    are versions that served in this process and their features.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        missing = Counter(
            "propensity_feature_missing",
            "Features that had nothing to look at, by version.",
            [*_OF_VERSION, "feature"],
            registry=registry,
        )
        empty = Counter(
            "propensity_predictions_empty_history",
            "Predictions of customers without a purchase that counts for any feature.",
            _OF_VERSION,
            registry=registry,
        )
        self._missing = cache(lambda *labels: missing.labels(*labels).inc)
        self._empty = cache(lambda *labels: empty.labels(*labels).inc)
        self._spreads: dict[tuple[str, int, str], _Spread] = {}

        def gauge(name: str, said: str, *labels: str) -> Gauge:
            return Gauge(
                f"propensity_drift_{name}",
                said,
                [*_OF_VERSION, *labels],
                registry=registry,
                multiprocess_mode="livemostrecent",
            )

        self._measures = {
            Measure.POPULATION_STABILITY: gauge(
                "population_stability", "Population stability index of the day.", "input"
            ),
            Measure.JENSEN_SHANNON: gauge(
                "jensen_shannon_distance", "Jensen-Shannon distance of the day.", "input"
            ),
            Measure.MISSING: gauge(
                "missing_difference", "Difference in the share of missing values.", "input"
            ),
        }
        self._threshold = gauge("threshold", "What chance alone does not pass.", "input", "measure")
        self._customers = gauge("customers", "Independent customers of the day, at the least.")
        self._alarm = gauge(
            "alarm",
            "1 where an input is beyond chance, 0 where none is, NaN where nobody knows any more.",
        )
        self._told: dict[str, set[_Series]] = {}

    def counted(
        self,
        model: ServedModel,
        reference: Reference,
        values: NDArray[np.float64],
        codes: NDArray[np.uint8],
    ) -> None:
        """Answers of a version. Shape: values and codes (n, inputs)."""
        tally = tally_of(codes)
        totals = np.where(codes > 0, values, 0.0).sum(axis=0)
        columns = zip(reference.named_bins[:-1], tally, totals.tolist(), strict=False)
        for (feature, bins), (missing, *counts), total in columns:
            self._missing(model.name, model.version, feature)(missing)
            if len(bins) > 1:
                spread = self._spread(model, feature, bins.edges)
                spread.add(counts[: len(bins)], total)
        self._empty(model.name, model.version)(int(tally[-1, 0]))

    def found(self, model: str, drifts: Sequence[VersionDrift]) -> None:
        """What was found of the versions that answer now; of others nothing is known any more."""
        fresh: dict[_Series, float] = {}
        for drift in drifts:
            version = (model, drift.version)
            fresh[self._customers, version] = drift.independent
            fresh[self._alarm, version] = nan
            if drift.comparison is not None:
                fresh[self._alarm, version] = float(drift.state is DriftState.DRIFT)
                for each in drift.comparison.measured:
                    labels = (*version, each.input)
                    fresh[self._measures[each.measure], labels] = each.value
                    fresh[self._threshold, (*labels, each.measure.value)] = each.threshold
        gone = dict.fromkeys(self._told.get(model, ()), nan)
        for (gauge, series), value in (gone | fresh).items():
            gauge.labels(*series).set(value)
        self._told[model] = set(fresh)

    def _spread(self, model: ServedModel, feature: str, edges: NDArray[np.float64]) -> _Spread:
        key = model.name, model.version, feature
        if key not in self._spreads:
            histogram = _Spread(
                "propensity_feature_values",
                "Features of predictions, in the bins of training; without those that are missing.",
                [*_OF_VERSION, "feature"],
                buckets=edges.tolist(),
                registry=None,  # one name may be registered once; files have them all
            )
            self._spreads[key] = histogram.labels(*key)
        return self._spreads[key]

"""Predictions, as Prometheus sees them."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from adapters.metrics.cells import counting, measuring
from domain.prediction import Prediction

TWENTIETHS = tuple(step / 20 for step in range(1, 21))


class PredictionMetrics:
    """Counts predictions by model, version, arm and decision, and their probabilities."""

    def __init__(self, registry: CollectorRegistry) -> None:
        predictions = Counter(
            "propensity_predictions",
            "Predictions of one customer, by who answered and what was decided.",
            ["model", "version", "arm", "decision"],
            registry=registry,
        )
        probabilities = Histogram(
            "propensity_prediction_probability",
            "Probabilities answered, by version.",
            ["model", "version"],
            buckets=TWENTIETHS,
            registry=registry,
        )

        self._predictions = cache(
            lambda name, version, arm, decision: counting(
                predictions.labels(name, version, arm.value, decision)
            )
        )
        self._probabilities = cache(
            lambda name, version: measuring(probabilities.labels(name, version))
        )

    def __call__(self, prediction: Prediction, /) -> None:
        """A prediction was made."""
        model = prediction.model
        decision = "show" if prediction.decision.show else "hide"
        self._predictions(model.name, model.version, model.arm, decision)(1)
        self._probabilities(model.name, model.version)(prediction.probability)

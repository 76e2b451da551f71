"""Predictions, as Prometheus sees them."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from domain.prediction import Prediction, ServedModel

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

        def of(name: str, version: int, arm: str, decision: str) -> tuple[object, object]:
            return (
                predictions.labels(name, version, arm, decision).inc,
                probabilities.labels(name, version).observe,
            )

        self._of = cache(of)

    def __call__(self, prediction: Prediction, /) -> None:
        """A prediction was made."""
        model: ServedModel = prediction.model
        decision = "show" if prediction.decision.show else "hide"
        count, observe = self._of(model.name, model.version, model.arm.value, decision)
        count()  # type: ignore[operator]
        observe(prediction.probability)  # type: ignore[operator]

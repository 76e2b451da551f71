"""Models as a process serves them, as Prometheus sees them."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter

from adapters.metrics.cells import live_gauge

_MICROS_PER_SECOND = 1_000_000


class ModelMetrics:
    """Which revisions serve, what could not be loaded, and what shadows would have answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._oldest = live_gauge(
            registry,
            "propensity_model_oldest_revision",
            "The oldest revision that any process serves; 0: none.",
            "model",
            mode="livemin",
        )
        self._newest = live_gauge(
            registry,
            "propensity_model_newest_revision",
            "The newest revision that any process serves; 0: none.",
            "model",
            mode="livemax",
        )
        self._made_at = live_gauge(
            registry,
            "propensity_model_revision_created_timestamp_seconds",
            "When the oldest revision that serves was made; not there while none does.",
            "model",
            mode="livemin",
        )
        self._registered = live_gauge(
            registry,
            "propensity_model_registry_revision",
            "The newest revision that the registry held when last looked at; 0: none.",
            "model",
            mode="livemax",
        )
        self._problems = live_gauge(
            registry,
            "propensity_model_problems",
            "What could not be loaded when last tried, over all processes.",
            "model",
        )
        self._failures = Counter(
            "propensity_model_load_failures",
            "What could not be loaded, each time it was tried; a silent registry too.",
            ["model"],
            registry=registry,
        )
        self._shadows = Counter(
            "propensity_shadow_predictions",
            "Answers that a shadow was to score: agreed and disagreed are about the decision.",
            ["model", "version", "outcome"],
            registry=registry,
        )

    def serves(
        self,
        model: str,
        *,
        revision: int,
        made_at: int | None,
        registered: int,
        problems: Sequence[str],
    ) -> None:
        """What serves of a model; revision 0 where nothing does.

        `made_at` in microseconds since the epoch, UTC; `registered` is the registry's newest.
        """
        self._oldest.labels(model).set(revision)
        self._newest.labels(model).set(revision)
        self._registered.labels(model).set(registered)
        self._problems.labels(model).set(len(problems))
        self._failures.labels(model)  # from 0 on, so that the first one is an increase
        if made_at is not None:
            self._made_at.labels(model).set(made_at / _MICROS_PER_SECOND)

    def load_failed(self, model: str) -> None:
        """Something of the model could not be loaded."""
        self._failures.labels(model).inc()

    def shadowed(self, model: str, version: int, outcome: str, answers: int) -> None:
        """So many answers have this outcome with a shadow of the model."""
        self._shadows.labels(model, version, outcome).inc(answers)

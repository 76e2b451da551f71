"""Decisions on their way to the log, as Prometheus sees them."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge


class DecisionMetrics:
    """A `DecisionLogObserver` that counts for Prometheus. Thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        logged = Counter(
            "propensity_decisions_logged",
            "Decisions that are in the log, by route.",
            ["route"],
            registry=registry,
        )
        dropped = Counter(
            "propensity_decisions_dropped",
            "Decisions that were to be logged and are not: memory was full, or the log failed too long.",
            registry=registry,
        )
        failures = Counter(
            "propensity_decision_log_write_failures",
            "Attempts to write a file of the log that failed.",
            registry=registry,
        )
        waiting = Gauge(
            "propensity_decisions_waiting",
            "Decisions in memory that are not in the log yet.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._logged = cache(lambda route: logged.labels(route).inc)
        self.dropped = dropped.inc
        self.failed = failures.inc
        self.waiting = waiting.set

    def logged(self, route: str, decisions: int, /) -> None:
        """So many answers of a route are in the log."""
        self._logged(route)(decisions)

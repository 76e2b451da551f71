"""Calls to the store, as Prometheus sees them."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from adapters.metrics.cells import counting, measuring
from domain.store_calls import StoreCall

SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8)
"""Upper bounds of buckets: each twice the one before, so that a quantile is right within a half."""


class StoreMetrics:
    """A `StoreObserver` that counts for Prometheus. Thread-safe.

    Labels are the store's operations and our outcomes: never anything that a caller sent.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        calls = Histogram(
            "propensity_store_call_duration_seconds",
            "Calls to DynamoDB, with their outcome.",
            ["operation", "outcome"],
            buckets=SECONDS,
            registry=registry,
        )
        units = Counter(
            "propensity_store_units",
            "Capacity units consumed, as DynamoDB reports them or computed from sizes.",
            ["operation", "kind"],
            registry=registry,
        )
        unprocessed = Counter(
            "propensity_store_unprocessed",
            "Keys and items of batches that DynamoDB left for later.",
            ["operation"],
            registry=registry,
        )
        retries = Counter(
            "propensity_store_retries", "Requests about to be sent again.", registry=registry
        )
        self._calls = cache(
            lambda operation, outcome: measuring(calls.labels(operation, outcome.value))
        )
        self._unprocessed = cache(lambda operation: counting(unprocessed.labels(operation)))
        self._read = cache(lambda operation: counting(units.labels(operation, "read")))
        self._written = cache(lambda operation: counting(units.labels(operation, "write")))
        self._retries = counting(retries)

    def called(self, call: StoreCall, /) -> None:
        """A call has ended."""
        self._calls(call.operation, call.outcome)(call.seconds)
        if call.read_units:
            self._read(call.operation)(call.read_units)
        if call.write_units:
            self._written(call.operation)(call.write_units)
        if call.unprocessed:
            self._unprocessed(call.operation)(call.unprocessed)

    def retried(self) -> None:
        """What was asked is about to be asked again."""
        self._retries(1)

"""Requests of the HTTP API, as Prometheus sees them."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from adapters.metrics.store import SECONDS


class RequestMetrics:
    """Counts answers by route, method and status.

    A route is a template such as /v1/customers/{customer_id}/propensity, so no label holds an id.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        answers = Histogram(
            "propensity_http_request_duration_seconds",
            "Requests, from the first byte of the head to the last of the answer.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        shed = Counter(
            "propensity_http_requests_shed",
            "Requests refused at once, for want of a place.",
            registry=registry,
        )
        self._answers = cache(
            lambda method, route, status: answers.labels(method, route, status).observe
        )
        self.shed = shed.inc

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its answer."""
        self._answers(method, route, status)(seconds)

"""Requests of the HTTP API, as Prometheus sees them."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from adapters.metrics.cells import counting, live_gauge, measuring
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
            lambda method, route, status: measuring(answers.labels(method, route, status))
        )
        self._shed = counting(shed)
        self._in_work = live_gauge(
            registry, "propensity_http_requests_in_work", "Requests that are worked on."
        )
        self._waiting = live_gauge(
            registry, "propensity_http_requests_waiting", "Requests that wait for a place."
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its answer."""
        self._answers(method, route, status)(seconds)

    def shed(self) -> None:
        """A request is refused for want of a place."""
        self._shed(1)

    def places(self, *, in_work: int, waiting: int) -> None:
        """So many requests have a place now, and so many wait for one."""
        self._in_work.set(in_work)
        self._waiting.set(waiting)

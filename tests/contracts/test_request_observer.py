"""Whoever is told of requests: each answer counts, and each refusal."""

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from adapters.metrics.requests import RequestMetrics
from api.composition.observers import RequestObservers
from api.http.access_log import AccessLog
from api.http.observing import RequestObserver
from tests.doubles.observers import SeenRequests

ROUTE = "/v1/customers/{customer_id}/propensity"


class _Counted:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = RequestMetrics(self.registry)

    def answers(self, status: int) -> float:
        labels = {"method": "GET", "route": ROUTE, "status": str(status)}
        name = "propensity_http_request_duration_seconds_count"
        return self.registry.get_sample_value(name, labels) or 0.0

    def shed(self) -> float:
        return self.registry.get_sample_value("propensity_http_requests_shed_total") or 0.0


class _Seen:
    """What the double saw, among others who are told."""

    def __init__(self) -> None:
        self.seen = SeenRequests()
        self.observer = RequestObservers([AccessLog(1.0), self.seen])

    def answers(self, status: int) -> float:
        return self.seen.answers["GET", ROUTE, status]

    def shed(self) -> float:
        return self.seen.refused


@pytest.mark.parametrize("make", [_Counted, _Seen])
def test_answers_count_by_their_status_and_refusals_apart(
    make: Callable[[], _Counted | _Seen],
) -> None:
    counted = make()
    observer: RequestObserver = counted.observer
    for status in (200, 200, 503):
        observer.answered("GET", ROUTE, status, 0.01)
    observer.shed()
    assert (counted.answers(200), counted.answers(503), counted.shed()) == (2, 1, 1)

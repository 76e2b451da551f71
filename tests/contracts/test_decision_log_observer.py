"""Whoever is told what becomes of decisions: at once, from any thread, and never with an error."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from adapters.metrics.decisions import DecisionMetrics
from domain.decision_log import DecisionLogObserver
from tests.doubles.observers import SeenDecisions

EACH, THREADS, ROUTE = 50, 4, "/v1/customers/{customer_id}/propensity"


class _Counted:
    """What Prometheus counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = DecisionMetrics(self.registry)

    def totals(self) -> tuple[float, ...]:
        found = [
            ("propensity_decisions_logged_total", {"route": ROUTE}),
            ("propensity_decisions_dropped_total", {}),
            ("propensity_decision_log_write_failures_total", {}),
            ("propensity_decisions_waiting", {}),
        ]
        return tuple(self.registry.get_sample_value(name, each) or 0.0 for name, each in found)


class _Seen:
    """What the double saw."""

    def __init__(self) -> None:
        self.observer = SeenDecisions()

    def totals(self) -> tuple[float, ...]:
        seen = self.observer
        return seen.in_log[ROUTE], seen.lost, seen.failures, seen.in_memory


@pytest.mark.parametrize("make", [_Counted, _Seen])
def test_everything_counts_whichever_thread_tells(make: Callable[[], _Counted | _Seen]) -> None:
    counted = make()
    observer: DecisionLogObserver = counted.observer

    def tell(_: int) -> None:
        for _ in range(EACH):
            observer.logged(ROUTE, 3)
            observer.dropped(2)
            observer.failed()
            observer.waiting(7)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(tell, range(THREADS)))
    told = EACH * THREADS
    assert counted.totals() == (3 * told, 2 * told, told, 7)

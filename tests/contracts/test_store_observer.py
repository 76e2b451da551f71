"""Whoever is told of calls to the store: at once, from any thread, and never with an error."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from adapters.metrics.store import StoreMetrics
from api.composition.observers import StoreObservers
from api.process.store_log import StoreLog
from domain.store_calls import CallOutcome, StoreCall, StoreObserver
from tests.doubles.observers import SeenCalls

EACH, THREADS = 50, 4
CALL = StoreCall("BatchGetItem", 0.003, CallOutcome.ANSWERED, 2, 12.5)


class _Counted:
    """What Prometheus counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = StoreMetrics(self.registry)

    def totals(self) -> tuple[float, float, float, float]:
        labels = {"operation": "BatchGetItem"}
        found = [
            ("propensity_store_call_duration_seconds_count", labels | {"outcome": "answered"}),
            ("propensity_store_unprocessed_total", labels),
            ("propensity_store_units_total", labels | {"kind": "read"}),
            ("propensity_store_retries_total", {}),
        ]
        calls, left, units, retries = (
            self.registry.get_sample_value(name, each) or 0.0 for name, each in found
        )
        return calls, left, units, retries


class _Seen:
    """What the double saw, among others who are told."""

    def __init__(self) -> None:
        self.seen = SeenCalls()
        self.observer = StoreObservers([StoreLog(), self.seen])

    def totals(self) -> tuple[float, float, float, float]:
        calls = self.seen.calls
        left = sum(call.unprocessed for call in calls)
        return len(calls), left, sum(call.read_units for call in calls), self.seen.retries


@pytest.mark.parametrize("make", [_Counted, _Seen])
def test_every_call_counts_whichever_thread_tells(make: Callable[[], _Counted | _Seen]) -> None:
    counted = make()
    observer: StoreObserver = counted.observer

    def tell(_: int) -> None:
        for _ in range(EACH):
            observer.called(CALL)
            observer.retried()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(tell, range(THREADS)))
    told = EACH * THREADS
    assert counted.totals() == (told, 2 * told, 12.5 * told, told)


@pytest.mark.parametrize("make", [_Counted, _Seen])
@pytest.mark.parametrize("outcome", CallOutcome)
def test_every_outcome_is_taken(make: Callable[[], _Counted | _Seen], outcome: CallOutcome) -> None:
    counted = make()
    counted.observer.called(StoreCall("PutItem", 0.0, outcome, write_units=1.0))

"""Whoever is told of messages: each counts by what became of it, and depths are the latest ones."""

import json
import math
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from adapters.cloudwatch_metrics import CloudWatchMetrics
from adapters.metrics.queue import QueueMetrics
from api.queue import QueueObserver, Taken
from domain.queue import QueueDepth
from domain.values import MICROS_PER_SECOND
from tests.builders import NOW
from tests.doubles.observers import SeenMessages

DEPTH = QueueDepth(visible=3, in_flight=2, delayed=1)


class _Counted:
    """What Prometheus counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = QueueMetrics(self.registry, lambda: NOW)

    def taken(self, outcome: Taken) -> float:
        return self.value("propensity_queue_messages_taken_total", outcome=outcome)

    def value(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(name, labels)
        assert found is not None, name
        return found


class _Line:
    """What CloudWatch is told in one line."""

    def __init__(self) -> None:
        self.observer = CloudWatchMetrics("recorder", lambda: NOW)
        self.told: dict[str, float] = {}

    def taken(self, outcome: Taken) -> float:
        self.told = self.told or json.loads(self.observer.line(seconds=0.0))
        return self.told.get(f"Messages{outcome.title()}", 0)


class _Seen:
    """What the double saw."""

    def __init__(self) -> None:
        self.observer = SeenMessages()

    def taken(self, outcome: Taken) -> float:
        return self.observer.outcomes[outcome]


@pytest.mark.parametrize("make", [_Counted, _Line, _Seen])
def test_messages_count_by_what_became_of_them(
    make: Callable[[], _Counted | _Line | _Seen],
) -> None:
    counted = make()
    observer: QueueObserver = counted.observer
    for number, outcome in enumerate(Taken, start=1):
        for _ in range(number):
            observer.taken(outcome, NOW)
    observer.taken(Taken.DONE, None)
    observer.held(DEPTH, None)
    assert [counted.taken(outcome) for outcome in Taken] == [2, 2, 3]


def test_ages_are_from_sent_to_taken_and_never_below_zero() -> None:
    counted = _Counted()
    for seconds in (7, 40, -3):
        counted.observer.taken(Taken.DONE, NOW - seconds * MICROS_PER_SECOND)
    assert counted.value("propensity_queue_message_age_seconds_sum") == 47
    assert counted.value("propensity_queue_message_age_seconds_bucket", le="10.0") == 2


def test_a_depth_that_nobody_knows_is_no_old_one() -> None:
    counted = _Counted()
    counted.observer.held(DEPTH, DEPTH)
    assert counted.value("propensity_queue_messages", state="in_flight") == 2
    assert counted.value("propensity_queue_dead_letters") == 6
    counted.observer.held(None, None)
    assert math.isnan(counted.value("propensity_queue_messages", state="visible"))
    assert math.isnan(counted.value("propensity_queue_dead_letters"))

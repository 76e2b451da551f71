"""Requests of the last hour, from what processes count."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.metrics.counted import CountedRequests
from adapters.metrics.exposition import FOLDER
from api.console.traffic import KEPT, Counts, TrafficWatch, quantile
from tests.builders import NOW
from tests.doubles.memory import ManualClock

SECOND = 1_000_000


def a_watch(counts: Callable[[], Counts], clock: ManualClock) -> TrafficWatch:
    return TrafficWatch(counts, clock)


@example({0.1: 3, math.inf: 3})
@given(
    st.dictionaries(st.sampled_from([0.1, 0.2, 0.4, 1.0, math.inf]), st.integers(0, 50), min_size=1)
)
def test_quantiles_rise_and_stay_within_their_buckets(buckets: dict[float, int]) -> None:
    found = [quantile(buckets, share) for share in (0.1, 0.5, 0.99)]
    if not sum(buckets.values()):
        assert found == [None, None, None]
        return
    known = [each for each in found if each is not None]
    assert len(known) == 3
    assert known == sorted(known)
    assert 0 <= known[0] <= known[-1] <= 1.0


def test_a_quantile_lies_where_its_share_does() -> None:
    assert quantile({0.1: 50, 0.2: 50}, 0.5) == pytest.approx(0.1)
    assert quantile({0.1: 50, 0.2: 50}, 0.75) == pytest.approx(0.15)
    assert quantile({0.1: 1, math.inf: 99}, 0.99) == pytest.approx(0.1)


def test_the_report_is_of_what_came_since() -> None:
    clock, answers = ManualClock(NOW), {0.1: 0}
    watch = a_watch(lambda: (dict(answers), 0, 0), clock)
    watch.look()
    for _ in range(KEPT + 10):
        clock.now += 15 * SECOND
        answers[0.1] += 30
        watch.look()
    found = watch.report()
    assert found.seconds <= 3_600
    assert found.answered == pytest.approx(7_200, rel=0.01)
    assert all(each.per_second == pytest.approx(2.0) for each in found.course if each.per_second)


def test_whoever_asks_changes_nothing_of_what_is_seen() -> None:
    clock, answers = ManualClock(NOW), {0.1: 5}
    watch = a_watch(lambda: (dict(answers), answers[0.1] - 5, 0), clock)
    watch.look()
    for _ in range(KEPT + 10):
        clock.now += SECOND
        answers[0.1] += 1
        watch.report()
    found = watch.report()
    assert (found.answered, found.failed) == (KEPT + 10, KEPT + 10)
    assert found.seconds == KEPT + 10
    assert len(found.course) == 1


def test_what_cannot_be_looked_at_is_no_end() -> None:
    def fails() -> Counts:
        raise OSError("no descriptor is left")

    watch = a_watch(fails, ManualClock(NOW))
    watch.look()
    assert watch.report().answered == 0


COUNTS = """
from prometheus_client import CollectorRegistry
from adapters.metrics.requests import RequestMetrics
requests = RequestMetrics(CollectorRegistry())
requests.answered("GET", "/v1/customers/{customer_id}/propensity", 200, 0.003)
requests.answered("GET", "/v1/customers/{customer_id}/propensity", 503, 0.1)
requests.answered("GET", "/console/models", 200, 0.1)
requests.shed()
"""


def test_files_of_every_process_are_added_up(tmp_path: Path) -> None:
    for _ in range(2):
        environment = {**os.environ, FOLDER: str(tmp_path)}
        subprocess.run([sys.executable, "-c", COUNTS], env=environment, check=True)
    (tmp_path / "histogram_1.db").touch()
    answers, failed, shed = CountedRequests(tmp_path)()
    assert {bound: count for bound, count in answers.items() if count} == {0.004: 2, 0.128: 2}
    assert (failed, shed) == (2, 2)

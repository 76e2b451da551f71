"""Lines about requests and the store: which are written, and what they say."""

import random

import pytest

from api.http.access_log import AccessLog
from api.http.observing import NO_ROUTE
from api.process.store_log import SLOW_S, StoreLog
from domain.store_calls import CallOutcome, StoreCall
from tests.logged import lines_of

ROUTE = "/v1/customers/{customer_id}/propensity"


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.1, 60, 140), (1.0, 1_000, 1_000)])  # fmt: skip
def test_a_share_of_the_answers_has_a_line(
    share: float, least: int, most: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    random.seed(7)
    log = AccessLog(share)
    for _ in range(1_000):
        log.answered("GET", ROUTE, 200, 0.0123456)
    lines = lines_of(caplog)
    assert least <= len(lines) <= most
    for line in lines[:1]:
        assert (line["event"], line["method"]) == ("request_answered", "GET")
        assert (line["route"], line["status"], line["duration_ms"]) == (ROUTE, 200, 12.346)


def test_every_failure_has_a_line_but_what_was_shed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    log = AccessLog(0.0)
    for status in (499, 404, 500, 503):
        log.answered("GET", ROUTE, status, 0.01)
    log.shed()
    log.answered("GET", NO_ROUTE, 503, 0.0)
    assert [line["status"] for line in lines_of(caplog)] == [500, 503]


def test_a_quick_store_has_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    log = StoreLog()
    for outcome in (CallOutcome.ANSWERED, CallOutcome.CONDITION_FAILED, CallOutcome.CONFLICT):
        log.called(StoreCall("PutItem", SLOW_S / 2, outcome))
    assert lines_of(caplog) == []


def test_a_slow_store_and_a_troubled_one_have_one_line_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = StoreLog()
    for _ in range(3):
        log.called(StoreCall("Query", 1.5, CallOutcome.ANSWERED))
        log.called(StoreCall("GetItem", 0.001, CallOutcome.THROTTLED))
        log.retried()
    slow, troubled = lines_of(caplog)
    assert (slow["event"], slow["count"]) == ("store_slow", 1)
    assert (slow["operation"], slow["slowest_ms"]) == ("Query", 1_500)
    assert (troubled["event"], troubled["causes"]) == ("store_troubled", {"throttled": 1})

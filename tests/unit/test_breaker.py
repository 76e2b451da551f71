"""The breaker: who waits for a silent store, and who does not."""

import asyncio
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from adapters.dynamodb.wire.breaker import IN_A_ROW, PATIENCE_S, PROBE_EVERY_S, Breaker
from domain.errors import StoreUnavailable
from tests.integration.faults import Stopwatch
from tests.logged import lines_of

SILENCES: list[Exception] = [
    TimeoutError(),
    EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
]
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem")


def call(breaker: Breaker, outcome: BaseException | None = None) -> None:
    with breaker.around():
        if outcome is not None:
            raise outcome


def silent(breaker: Breaker, times: int, outcome: BaseException = SILENCES[0]) -> None:
    for _ in range(times):
        with pytest.raises(type(outcome)):
            call(breaker, outcome)


def late(
    breaker: Breaker,
    stopwatch: Stopwatch,
    seconds: float,
    outcome: BaseException,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """A call that ends so, after so long."""

    def made() -> None:
        with breaker.around():
            stopwatch.now += seconds
            meanwhile()
            raise outcome

    with pytest.raises(type(outcome)):
        made()


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def breaker(stopwatch: Stopwatch) -> Breaker:
    return Breaker(monotonic=stopwatch)


@pytest.mark.parametrize("outcome", SILENCES, ids=lambda exc: type(exc).__name__)
def test_after_some_silences_in_a_row_nobody_waits(breaker: Breaker, outcome: Exception) -> None:
    silent(breaker, IN_A_ROW, outcome)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="in a row"):
            call(breaker)


def test_an_answer_in_between_begins_the_count_anew(breaker: Breaker, stopwatch: Stopwatch) -> None:
    for answer in (None, THROTTLED):
        silent(breaker, IN_A_ROW - 1)
        stopwatch.now += 1
        if answer is None:
            call(breaker)
        else:
            silent(breaker, 1, answer)
        stopwatch.now += 1
    silent(breaker, IN_A_ROW)


def test_a_silence_does_not_count_where_another_call_was_answered_meanwhile(
    breaker: Breaker, stopwatch: Stopwatch
) -> None:
    for _ in range(IN_A_ROW * 2):
        late(breaker, stopwatch, 1, TimeoutError(), meanwhile=lambda: call(breaker))
    call(breaker)


def test_one_call_now_and_then_asks_after_all_and_its_answer_ends_it(
    breaker: Breaker, stopwatch: Stopwatch
) -> None:
    silent(breaker, IN_A_ROW)
    for _ in range(3):
        stopwatch.now += PROBE_EVERY_S
        silent(breaker, 1)
        with pytest.raises(StoreUnavailable):
            call(breaker)
    stopwatch.now += PROBE_EVERY_S
    with breaker.around(), pytest.raises(StoreUnavailable):
        call(breaker)  # while it is being asked, nobody else asks
    for _ in range(3):
        call(breaker)


def test_a_call_that_its_caller_gave_up_counts_once_it_has_waited(
    breaker: Breaker, stopwatch: Stopwatch
) -> None:
    for waited, opens in ((PATIENCE_S / 2, False), (PATIENCE_S, True)):
        for _ in range(IN_A_ROW):
            late(breaker, stopwatch, waited, asyncio.CancelledError())
        if opens:
            with pytest.raises(StoreUnavailable):
                call(breaker)
        else:
            call(breaker)
            stopwatch.now += 1


def test_its_opening_and_its_end_are_logged_once(
    breaker: Breaker, stopwatch: Stopwatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    silent(breaker, IN_A_ROW)
    stopwatch.now += PROBE_EVERY_S
    silent(breaker, 1)
    assert [line["event"] for line in lines_of(caplog)] == ["store_breaker_opened"]
    stopwatch.now += PROBE_EVERY_S
    call(breaker)
    call(breaker)
    assert [line["event"] for line in lines_of(caplog)][1:] == ["store_breaker_closed"]

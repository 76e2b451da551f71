"""Admission: places, a short queue, and who is shed first."""

import asyncio
from typing import Any, cast

import pytest

from api.http.admission import Admission, Kind, Overloaded, kind_of
from tests.logged import lines_of

pytestmark = pytest.mark.anyio


def scope(path: str, content_type: bytes = b"") -> Any:
    headers = [(b"content-type", content_type)] if content_type else []
    return cast("Any", {"path": path, "headers": headers})


async def test_no_more_are_in_work_than_there_are_places() -> None:
    admission = Admission(in_work=3, waiting=100)
    most = 0

    async def work() -> None:
        nonlocal most
        await admission.enter(Kind.ONE)
        most = max(most, admission.working)
        await asyncio.sleep(0)
        admission.leave(Kind.ONE)

    await asyncio.gather(*(work() for _ in range(50)))
    assert (most, admission.working) == (3, 0)


async def test_who_waits_gets_the_next_place_the_first_first() -> None:
    admission = Admission(in_work=1, waiting=2)
    order: list[int] = []

    async def work(number: int) -> None:
        await admission.enter(Kind.ONE)
        order.append(number)

    await admission.enter(Kind.ONE)
    waiting = [asyncio.create_task(work(number)) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await admission.enter(Kind.ONE)
    for expected in ([0], [0, 1]):
        admission.leave(Kind.ONE)
        await asyncio.sleep(0)
        assert order == expected
    await asyncio.gather(*waiting)
    admission.leave(Kind.ONE)
    assert admission.working == 0


async def test_who_stops_waiting_takes_no_place() -> None:
    admission = Admission(in_work=1, waiting=2)
    await admission.enter(Kind.ONE)
    left, stays = (asyncio.create_task(admission.enter(Kind.ONE)) for _ in range(2))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.sleep(0)
    admission.leave(Kind.ONE)
    await stays
    assert admission.working == 1
    late = asyncio.create_task(admission.enter(Kind.ONE))
    await asyncio.sleep(0)
    admission.leave(Kind.ONE)
    late.cancel()  # at the very moment that its place came
    with pytest.raises(asyncio.CancelledError):
        await late
    assert admission.working == 0


async def test_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.admission.MOST_WAIT_S", 0.001)
    admission = Admission(in_work=1, waiting=1)
    await admission.enter(Kind.ONE)
    with pytest.raises(Overloaded):
        await admission.enter(Kind.ONE)
    admission.leave(Kind.ONE)
    await admission.enter(Kind.ONE)


async def test_bulk_is_shed_first_and_leaves_places_for_others() -> None:
    admission = Admission(in_work=8, waiting=8)
    for _ in range(2):
        await admission.enter(Kind.BULK)
    with pytest.raises(Overloaded):
        await admission.enter(Kind.BULK)
    for _ in range(6):
        await admission.enter(Kind.ONE)
    admission.leave(Kind.BULK)
    await admission.enter(Kind.ONE)
    with pytest.raises(Overloaded):
        await admission.enter(Kind.BULK)  # one bulk place is free, but no place at all
    alone = Admission(in_work=1, waiting=0)
    await alone.enter(Kind.BULK)
    alone.leave(Kind.BULK)
    assert (alone.working, alone.bulk) == (0, 0)


def test_health_is_never_shed_and_audiences_are_first() -> None:
    assert {
        kind_of(scope(path)) for path in ("/", "/livez", "/readyz", "/docs", "/snippet.js")
    } == {Kind.ALWAYS}
    assert kind_of(scope("/v1/categories/shirts/propensities")) is Kind.BULK
    assert kind_of(scope("/v1/purchases", b"application/x-ndjson; charset=utf-8")) is Kind.BULK
    for path in ("/v1/purchases", "/v1/customers/c/propensity", "/ofrep/v1/evaluate/flags"):
        assert kind_of(scope(path, b"application/json")) is Kind.ONE


async def test_what_was_shed_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    admission = Admission(in_work=1, waiting=0)
    for _ in range(3):
        admission.count_shed()
    (line,) = lines_of(caplog)
    assert (line["event"], line["count"]) == ("requests_shed", 1)
    assert admission.shed == 3

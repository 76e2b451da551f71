"""Which answers are logged, how they wait, and what becomes of them when the store fails."""

import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from threading import Event
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.decision_log.places import DECISIONS, hour_of
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.decision_log.writing import OLDEST_S
from adapters.erasure_marks import END
from domain.decision_log import Answer, LogDecisions, decision_id_of, instant_of
from domain.errors import CorruptRecord, StoreUnavailable
from domain.values import MICROS_PER_SECOND
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW
from tests.decision_logs import KEY, ROUTE, a_reader, a_writer, an_answer
from tests.doubles.memory import ManualClock, MemoryPlace
from tests.doubles.observers import SeenDecisions

PREDICTION = an_answer().prediction
LATEST = (1 << 48) * 1_000 - 1


@given(at=st.integers(0, LATEST), bits=st.integers(0, (1 << 62) - 1))
def test_an_id_tells_its_instant(at: int, bits: int) -> None:
    found = decision_id_of(at, bits)
    assert (UUID(found).version, str(UUID(found))) == (7, found)
    assert instant_of(found) == at


@given(st.integers(0, LATEST - 1), st.integers(0, (1 << 62) - 1), st.integers(0, (1 << 62) - 1))
def test_ids_are_in_the_order_of_their_instants(at: int, one: int, other: int) -> None:
    assert decision_id_of(at, one) < decision_id_of(at + 1, other)


@pytest.mark.parametrize("share", [0, 1, 2_500, 10_000])
def test_a_share_is_drawn_by_the_id(share: int) -> None:
    assert PREDICTION is not None
    kept: list[Answer] = []

    def keep(answer: Answer) -> bool:
        kept.append(answer)
        return True

    log = LogDecisions(keep=keep, clock=lambda: NOW, random=counting(), propensity=share, flags=0)
    ids = [log.of_propensity(PREDICTION, route=ROUTE) for _ in range(10_000)]
    assert [each for each in ids if each is not None] == [each.decision_id for each in kept]
    assert len(kept) == share


def counting() -> Callable[[int], int]:
    """Random bits that are 0, 1, 2 and so on."""
    numbers = count()
    return lambda _: next(numbers)


class Failing(MemoryPlace):
    """Stores nothing while it is `down`; `tried` is set by every attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.down = True
        self.tried = Event()

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        self.tried.set()
        if self.down:
            raise StoreUnavailable("no space left on the device")
        return super().put_if_absent(key, content)


def test_what_finds_no_room_is_counted_exactly_and_the_others_are_logged() -> None:
    seen, place = SeenDecisions(), Failing()
    writer = a_writer(place, lambda: NOW, observer=seen, most_waiting=5)
    first = [writer.keep(an_answer(NOW + number)) for number in range(7)]
    writer.flush()
    second = [writer.keep(an_answer(NOW + number)) for number in range(3)]  # the five still wait
    assert first + second == [True] * 5 + [False] * 5
    place.down = False
    writer.flush()
    assert [writer.keep(an_answer(NOW + 9)) for _ in range(6)] == [True] * 5 + [False]
    writer.start()
    writer.stop()
    assert (seen.in_log, seen.lost, seen.failures, seen.in_memory) == (
        Counter({ROUTE: 10}),
        6,
        1,
        0,
    )


def test_a_store_that_fails_is_tried_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    seen, place = SeenDecisions(), Failing()
    writer = a_writer(place, lambda: NOW, observer=seen)
    assert writer.keep(an_answer())
    for _ in range(5):
        assert writer.flush() > 0
    place.down = False
    writer.flush()
    writer.flush()
    assert (seen.failures, seen.in_log, seen.lost) == (5, Counter({ROUTE: 1}), 0)
    assert [each.levelname for each in caplog.records] == ["WARNING", "INFO"]


def test_an_attempt_that_came_through_unheard_is_no_second_file() -> None:
    class Unheard(MemoryPlace):
        times = 0

        def put_if_absent(self, key: str, content: bytes, /) -> bool:
            stored = super().put_if_absent(key, content)
            self.times += 1
            if self.times == 1:
                raise StoreUnavailable("no answer in time")
            return stored

    place, clock = Unheard(), ManualClock(NOW)
    writer = a_writer(place, clock)
    answer = an_answer()
    assert writer.keep(answer)
    writer.flush()
    writer.flush()
    assert len(place.keys(DECISIONS)) == 1
    assert [e for batch in a_reader(place, clock).between(0, END) for e in batch] == [
        answer.logged()
    ]


def test_what_is_too_old_is_dropped_whether_it_is_a_file_already_or_not() -> None:
    seen, place, clock = SeenDecisions(), Failing(), ManualClock(NOW)
    writer = a_writer(place, clock, observer=seen)
    assert writer.keep(an_answer(NOW))
    writer.flush()
    assert writer.keep(an_answer(NOW))
    clock.now += OLDEST_S * MICROS_PER_SECOND + 1
    assert writer.keep(an_answer(clock.now))
    place.down = False
    writer.flush()
    writer.start()
    writer.stop()
    assert (seen.lost, seen.in_log[ROUTE]) == (2, 1)


def test_a_file_holds_one_hour() -> None:
    place = MemoryPlace()
    writer = a_writer(place, lambda: NOW)
    before_the_hour = NOW + MICROS_PER_HOUR - 1
    assert hour_of(before_the_hour) == NOW
    for at in (before_the_hour + 1, before_the_hour):
        assert writer.keep(an_answer(at))
    writer.flush()
    assert [key.rpartition("/")[0] for key in place.keys(DECISIONS)] == [
        "decisions/date=2026-03-01/hour=12",
        "decisions/date=2026-03-01/hour=13",
    ]


def test_what_cannot_be_written_as_it_is_ends_nothing() -> None:
    seen, place = SeenDecisions(), MemoryPlace()
    writer = a_writer(place, lambda: NOW, observer=seen)
    assert writer.keep(an_answer()._replace(as_of="then"))  # type: ignore[arg-type]  # our own fault
    writer.flush()
    assert writer.keep(an_answer())
    writer.flush()
    writer.start()
    writer.stop()
    assert (seen.lost, seen.in_log[ROUTE]) == (1, 1)


def test_a_server_that_stops_writes_what_waits_or_says_how_much_is_lost() -> None:
    for down in (False, True):
        seen, place = SeenDecisions(), Failing()
        place.down = down
        writer = a_writer(place, lambda: NOW, observer=seen)
        writer.start()
        for number in range(3):
            assert writer.keep(an_answer(NOW + number))
        writer.stop(within_s=0.3 if down else 30)
        assert (seen.lost, seen.in_log[ROUTE], seen.in_memory) == ((3, 0, 0) if down else (0, 3, 0))


def test_the_thread_goes_on_after_a_failure() -> None:
    seen, place = SeenDecisions(), Failing()
    writer = a_writer(place, lambda: NOW, observer=seen)
    writer.start()
    assert writer.keep(an_answer())
    assert place.tried.wait(30)
    place.down = False
    writer.stop(within_s=30)
    assert (seen.in_log[ROUTE], seen.lost) == (1, 0)


def test_pseudonyms_are_the_same_under_a_key_and_open_under_no_other() -> None:
    one, other = Pseudonyms([KEY]), Pseudonyms([os.urandom(32)])
    sealed = one.seal("käufer/1")
    assert sealed == Pseudonyms([KEY]).seal("käufer/1") != other.seal("käufer/1")
    assert one.open(sealed) == "käufer/1"
    assert "käufer" not in sealed
    with pytest.raises(CorruptRecord):
        one.open(sealed[:-2] + ("AA" if not sealed.endswith("AA") else "BB"))


def test_a_propensity_that_was_not_asked_has_no_scored_part() -> None:
    held = an_answer(features=None, flag="banner")
    assert held.logged().scored is None
    assert replace(held.logged(), held_out=False).acted is False

"""Upkeep that is interrupted before any of its calls, or meets a reader or another run there."""

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.clock import SystemClock
from adapters.decision_log.columns import FileMaker, LogFile, batch_of
from adapters.decision_log.places import DECISIONS, ERASURES, merged_number
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.erasure_marks import END
from adapters.object_store import open_object_store
from domain.decision_log import LoggedDecision
from domain.errors import CorruptRecord
from domain.values import MICROS_PER_DAY
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW
from tests.decision_logs import (
    KEY,
    RETENTION_DAYS,
    Crash,
    EventfulPlace,
    a_reader,
    a_tidying,
    a_writer,
    an_answer,
    an_eraser,
)
from tests.doubles.memory import ManualClock

CANARY = "canary"


class Log:
    """Two hours of three files each, of which the first was merged and has a late file since.

    Both have decisions of a customer who was erased.
    """

    def __init__(self) -> None:
        self.place = EventfulPlace()
        self.clock = ManualClock(NOW)
        self.expected: dict[str, LoggedDecision] = {}
        for hour in range(2):
            for number in range(3):
                self.write(NOW + hour * MICROS_PER_HOUR + number)
        self.clock.now = NOW + 3 * MICROS_PER_HOUR
        self.tidy = a_tidying(self.place, self.clock)
        self.tidy()
        self.write(NOW + 10)
        self.write(NOW + MICROS_PER_HOUR + 10)
        eraser = an_eraser(self.place)
        eraser.begin(CANARY, NOW)
        eraser.finish(CANARY, NOW + MICROS_PER_HOUR)
        self.reader = a_reader(self.place, self.clock)

    def write(self, at: int, *customers: str) -> None:
        """A file with one decision of each customer."""
        now, self.clock.now = self.clock.now, at
        writer = a_writer(self.place, self.clock)
        for answer in [an_answer(at, each) for each in customers or ("customer-1", CANARY)]:
            assert writer.keep(answer)
            self.expected[answer.decision_id] = answer.logged()
        writer.flush()
        self.clock.now = now

    def check(self) -> None:
        """Each decision is read once, those of the erased without what was erased."""
        found = [each for batch in self.reader.between(0, END) for each in batch]
        assert sorted(each.decision_id for each in found) == sorted(self.expected)
        for each in found:
            wanted = self.expected[each.decision_id]
            if wanted.customer_id == CANARY and each.as_of <= NOW + MICROS_PER_HOUR:
                assert each.customer_id is None
                assert each.scored is not None
                assert each.scored.features == ()
            else:
                assert each == wanted

    def check_is_in_order(self) -> None:
        """One file an hour, no mark, and of the erased nothing."""
        keys = self.place.keys(DECISIONS)
        assert len(keys) == 2
        assert self.place.keys(ERASURES) == []
        rows = [
            row
            for key in keys
            for row in pq.read_table(io.BytesIO(self.place.get(key))).to_pylist()
        ]
        gone = [row for row in rows if row["customer"] is None]
        assert len(gone) == 5  # of eight, three came after the erasure
        assert all(row["features"] is None for row in gone)


def every_moment(what: Callable[[Log], Callable[[], object]]) -> Iterator[Log]:
    """A log before each of the calls of a run in turn, where something happens."""
    for after in count():
        log = Log()
        happened: list[bool] = []
        wanted = what(log)

        def happens(happened: list[bool] = happened, wanted: Callable[[], object] = wanted) -> None:
            happened.append(True)
            wanted()

        log.place.happens(after, happens)
        yield log
        log.place.nothing_happens()
        if not happened:
            assert after >= 15  # there were so many calls
            return


def crash() -> None:
    raise Crash


@pytest.mark.full
def test_a_run_that_is_killed_leaves_each_decision_once_and_the_next_one_finishes() -> None:
    for log in every_moment(lambda _: crash):
        with suppress(Crash):
            log.tidy()
        log.place.nothing_happens()
        log.check()
        log.tidy()
        log.check()
        log.check_is_in_order()


@pytest.mark.full
def test_two_runs_at_once_do_no_harm() -> None:
    for log in every_moment(lambda log: a_tidying(log.place, log.clock)):
        log.tidy()
        log.place.nothing_happens()
        log.check()
        log.tidy()
        log.check()
        log.check_is_in_order()


def test_a_run_that_was_killed_beside_another_leaves_each_decision_once() -> None:
    """The one that goes on meets what the other one left."""

    def killed(log: Log) -> Callable[[], object]:
        def run() -> None:
            log.place.happens(9, crash)
            with suppress(Crash):
                a_tidying(log.place, log.clock)()
            log.place.nothing_happens()

        return run

    for log in every_moment(killed):
        log.tidy()
        log.place.nothing_happens()
        log.check()


@pytest.mark.full
def test_whoever_reads_while_it_is_tidied_reads_each_decision_once() -> None:
    seen_whole = 0
    for after in range(30):
        log = Log()
        log.place.happens(after, log.tidy)
        log.check()
        seen_whole += 1
    assert seen_whole == 30


def test_a_late_file_is_merged_and_nothing_comes_twice() -> None:
    log = Log()
    log.tidy()
    log.write(NOW + 20, "customer-1")
    log.check()
    log.tidy()
    log.check()
    assert sorted(map(merged_number, log.place.keys(DECISIONS))) == [2, 3]


def test_a_run_with_nothing_to_do_reads_no_file() -> None:
    log = Log()
    log.tidy()

    def fails(key: str) -> bytes:
        raise AssertionError(key)

    log.place.get = fails  # type: ignore[method-assign]
    log.tidy()


def test_the_hour_that_may_still_be_written_is_left_alone() -> None:
    log = Log()
    log.clock.now = NOW + MICROS_PER_HOUR
    before = log.place.keys("")
    log.tidy()
    assert log.place.keys("") == before


def test_what_is_older_than_is_kept_is_removed_and_no_sooner() -> None:
    log = Log()
    log.clock.now = NOW + RETENTION_DAYS * MICROS_PER_DAY + MICROS_PER_HOUR - 1
    assert log.tidy().hours_removed == 0
    log.clock.now += 1
    done = log.tidy()
    assert (done.hours_removed, done.files_removed) == (1, 1)
    (hour,) = log.reader.hours(0, END)
    assert (hour.hour, hour.decisions, hour.files) == (NOW + MICROS_PER_HOUR, 8, 1)


def test_an_erasure_that_goes_on_keeps_its_mark() -> None:
    log = Log()
    an_eraser(log.place).begin("somebody", NOW + 2 * MICROS_PER_HOUR)
    done = log.tidy()
    assert (done.erasures_done, done.erasures_left) == (1, 1)
    assert len(log.place.keys(ERASURES)) == 1


def test_no_bit_of_a_file_changes_unseen() -> None:
    """Some bits of the footer made all rows of a file disappear, without an error."""
    maker = FileMaker()
    maker.add(pa.Table.from_batches([batch_of([an_answer()], Pseudonyms([KEY]))]))
    content = maker.content([("one", 1)])
    assert LogFile("whole", content).rows == 1
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        with pytest.raises(CorruptRecord):
            LogFile("changed", bytes(changed))


@pytest.mark.parametrize("damage", ["cut", "changed", "another", "empty"])
def test_a_damaged_file_stops_the_run_and_is_named(damage: str) -> None:
    log = Log()
    (key, *_) = [key for key in log.place.keys(DECISIONS) if not merged_number(key)]
    content = log.place.get(key)
    damaged = {
        "cut": content[:-20],
        "changed": content[:40] + bytes([content[40] ^ 1]) + content[41:],
        "another": KEY,
        "empty": b"",
    }[damage]
    log.place.remove_status(key)
    log.place.put_if_absent(key, damaged)
    with pytest.raises(CorruptRecord, match=key):
        log.tidy()
    with pytest.raises(CorruptRecord, match=key):
        list(log.reader.between(0, END))


def test_what_a_killed_writer_left_in_a_folder_goes_and_nothing_else(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock()())
    place = open_object_store(str(tmp_path))
    writer = a_writer(place, clock)
    assert writer.keep(an_answer(clock.now))
    writer.flush()
    (key,) = place.keys(DECISIONS)
    left = tmp_path / f"{key}#1"
    left.write_bytes(b"half of a file")
    assert list(place.keys(DECISIONS)) == [key]
    assert a_tidying(place, clock)().files_removed == 0  # it may be written now
    clock.now += 3 * MICROS_PER_HOUR
    assert a_tidying(place, clock)().files_removed == 1
    assert (left.exists(), list(place.keys(DECISIONS))) == (False, [key])

"""What every DecisionLog promises."""

from collections.abc import Callable

import pytest

from adapters.decision_log.places import Place, hour_of
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.decision_log.reading import ParquetDecisionLog
from adapters.object_store import open_object_store
from domain.decision_log import DecisionLog, LoggedDecision
from domain.errors import CorruptRecord, InvalidRequest, Rejected, StoreUnavailable
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW
from tests.contracts.conftest import OBSTORES
from tests.decision_logs import KEY, a_reader, a_tidying, a_writer, an_answer
from tests.doubles.memory import ManualClock, MemoryPlace

AT = [
    NOW,
    NOW + 1,
    NOW + MICROS_PER_HOUR,
    NOW + 26 * MICROS_PER_HOUR,
    NOW + 60 * 24 * MICROS_PER_HOUR,
]
ANSWERS = [
    an_answer(AT[0], features=(0.1 + 0.2, -0.0, 5e-324)),
    an_answer(AT[1], "ä/c", None, flag="banner"),
    an_answer(AT[2], features=(1e308,), flag="banner"),
    an_answer(AT[3]),
    an_answer(AT[4]),
]


@pytest.fixture(params=["memory", *OBSTORES])
def place(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> Place:
    """A place with these answers, each in a file of its own."""
    place: Place = MemoryPlace()
    if request.param != "memory":
        place = open_object_store(obstore(request.param))
    for answer in ANSWERS:
        writer = a_writer(place, ManualClock(answer.as_of))
        assert writer.keep(answer)
        writer.flush()
    return place


@pytest.fixture
def log(place: Place) -> DecisionLog:
    return a_reader(place, lambda: NOW)


def between(log: DecisionLog, start: int, end: int) -> list[LoggedDecision]:
    """In order of their instants; hours must come in theirs."""
    found = [each for batch in log.between(start, end) for each in batch]
    hours = [hour_of(each.as_of) for each in found]
    assert hours == sorted(hours)
    return sorted(found, key=lambda each: each.as_of)


def test_decisions_come_as_they_were_and_hours_ascend(log: DecisionLog) -> None:
    wanted = [answer.logged() for answer in ANSWERS]
    assert repr(between(log, 0, 1 << 60)) == repr(wanted)  # of floats each bit
    assert between(log, AT[0], AT[1]) == wanted[:1]
    assert between(log, AT[1], AT[3] + 1) == wanted[1:4]
    assert between(log, AT[2] + 1, AT[3]) == []
    assert between(log, AT[3], AT[3]) == []


def test_each_comes_once_however_often_files_were_merged(place: Place, log: DecisionLog) -> None:
    clock = ManualClock(AT[1] + 5 * MICROS_PER_HOUR)
    for _ in range(2):
        a_tidying(place, clock)()
    assert between(log, 0, 1 << 60) == [answer.logged() for answer in ANSWERS]


def test_a_decision_is_found_by_its_id(log: DecisionLog) -> None:
    for answer in ANSWERS:
        assert log.find(answer.decision_id) == answer.logged()
    assert log.find(an_answer(NOW, number=5).decision_id) is None


@pytest.mark.parametrize(
    "text", ["", "x", "customer-1", "019ca945-0a00-4b33-ad3e-847ded646b56", "019ca9450a007b33ad3e"]
)
def test_what_is_no_id_is_refused(log: DecisionLog, text: str) -> None:
    with pytest.raises(InvalidRequest):
        log.find(text)


def test_a_file_that_is_damaged_is_named(place: Place, log: DecisionLog) -> None:
    (key, *_) = place.keys("decisions/")
    content = place.get(key)
    place.remove_status(key)
    place.put_if_absent(key, content[:9] + b"x" + content[10:])
    with pytest.raises(CorruptRecord, match=key):
        between(log, 0, 1 << 60)


def test_a_log_that_cannot_be_read_is_no_empty_one() -> None:
    class Broken(MemoryPlace):
        def keys(self, prefix: str, /) -> list[str]:
            raise StoreUnavailable(f"{prefix} is not there")

    with pytest.raises(StoreUnavailable):
        between(a_reader(Broken(), lambda: NOW), 0, 1 << 60)


def test_a_customer_sealed_under_an_old_key_is_told_while_that_key_is_given(place: Place) -> None:
    another = bytes(range(1, 33))
    both = ParquetDecisionLog(place, Pseudonyms([another, KEY]), clock=lambda: NOW)
    assert between(both, 0, 1 << 60) == [answer.logged() for answer in ANSWERS]
    with pytest.raises(Rejected, match="DECISION_LOG_KEY"):
        between(ParquetDecisionLog(place, Pseudonyms([another]), clock=lambda: NOW), 0, 1 << 60)

"""What every DecisionEraser promises."""

from collections.abc import Callable

import pytest

from adapters.decision_log.erasing import MarkedDecisionEraser
from adapters.decision_log.places import Place
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.erasure_marks import END
from adapters.object_store import open_object_store
from domain.errors import StoreUnavailable
from tests.builders import NOW
from tests.contracts.conftest import OBSTORES
from tests.decision_logs import KEY, a_reader, a_writer, an_answer
from tests.doubles.memory import ManualClock, MemoryPlace


class Log:
    """A log with decisions of two customers, and one that waits to be written."""

    def __init__(self, place: Place) -> None:
        self.clock = ManualClock(NOW)
        self.place = place
        self.writer = a_writer(place, self.clock)
        self.eraser = MarkedDecisionEraser(place, Pseudonyms([KEY]))
        self.decide()
        self.decide("customer-2")
        self.writer.flush()
        self.decide()

    def decide(self, customer_id: str = "customer-1") -> None:
        assert self.writer.keep(an_answer(self.clock.now, customer_id))

    def customers(self) -> list[str | None]:
        """Of all decisions, once all are written; who has no id has no features."""
        self.writer.flush()
        found = [e for batch in a_reader(self.place, self.clock).between(0, END) for e in batch]
        assert all(
            (each.customer_id is None) == (each.scored is not None and each.scored.features == ())
            for each in found
        )
        return sorted((each.customer_id for each in found), key=str)


@pytest.fixture(params=["memory", *OBSTORES])
def log(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> Log:
    if request.param == "memory":
        return Log(MemoryPlace())
    return Log(open_object_store(obstore(request.param)))


def test_from_the_beginning_of_an_erasure_nobody_is_told_the_customer(log: Log) -> None:
    log.eraser.begin("customer-1", NOW)
    log.clock.now += 1_000_000
    log.decide()
    assert log.customers() == [None, None, None, "customer-2"]


def test_who_comes_back_after_an_erasure_is_another_customer(log: Log) -> None:
    log.eraser.begin("customer-1", NOW)
    log.eraser.finish("customer-1", NOW + 10)
    log.clock.now += 10
    log.decide()
    log.clock.now += 1
    log.decide()
    assert log.customers() == [None, None, None, "customer-1", "customer-2"]


def test_asking_again_is_safe_and_finishes_what_was_interrupted(log: Log) -> None:
    for _ in range(2):
        log.eraser.begin("customer-1", NOW)
    log.eraser.begin("customer-1", NOW + 5)
    for _ in range(2):
        log.eraser.finish("customer-1", NOW + 10)
    log.clock.now += 11
    log.decide()
    assert log.customers() == [None, None, "customer-1", "customer-2"]
    log.eraser.begin("customer-1", NOW + 12)
    assert log.customers() == [None, None, None, "customer-2"]


def test_what_was_sealed_under_an_old_key_is_hidden_too(log: Log) -> None:
    MarkedDecisionEraser(log.place, Pseudonyms([bytes(range(1, 33)), KEY])).begin("customer-1", NOW)
    assert log.customers() == [None, None, "customer-2"]


def test_a_mark_names_nobody(log: Log) -> None:
    log.eraser.begin("customer-1", NOW)
    (key,) = log.place.keys("erasures/")
    assert "customer-1" not in key
    assert log.place.get(key) == b"{}"


def test_what_cannot_be_hidden_is_an_error() -> None:
    class Broken(MemoryPlace):
        def put_if_absent(self, key: str, content: bytes, /) -> bool:
            raise StoreUnavailable(f"no room for {len(content)} bytes at {key}")

    with pytest.raises(StoreUnavailable):
        MarkedDecisionEraser(Broken(), Pseudonyms([KEY])).begin("customer-1", NOW)

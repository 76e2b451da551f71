"""Who serves which revision, with expiry; and waiting until all of them do."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.prediction import ServedModel, Traffic
from domain.values import MICROS_PER_SECOND
from model_registry.errors import NotConverged
from model_registry.serving import TTL_S, Presence
from model_registry.serving.presence import FORGOTTEN_S
from tests.builders import NOW, a_served_model, missing
from tests.doubles.memory import ManualClock, MemoryStatusStore
from tests.fakes import SaturatingScorer
from tests.registries import NAME


class Hall:
    """Processes that come, serve and go, while a clock moves as it is told."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.store = MemoryStatusStore(self.clock)
        self.presence = Presence(store=self.store, clock=self.clock)
        self.seconds = 0.0
        self.on_pause: Callable[[float], None] = lambda _: None

    def serve(self, process: str, revision: int, problem: str = "") -> None:
        traffic = Traffic(champion=a_model(revision)) if revision else None
        self.presence.publish(NAME, process, traffic=traffic, problems=[problem] if problem else [])

    def later(self, seconds: float) -> None:
        self.clock.now += round(seconds * MICROS_PER_SECOND)
        self.seconds += seconds

    def pause(self, seconds: float) -> None:
        self.later(seconds)
        self.on_pause(self.seconds)

    def served(self, revision: int, timeout_s: float = 30.0) -> list[str]:
        live = self.presence.await_served(
            NAME, revision, timeout_s=timeout_s, seconds=lambda: self.seconds, pause=self.pause
        )
        return [process.process for process in live]


def a_model(revision: int) -> ServedModel:
    return replace(a_served_model(SaturatingScorer(), version=revision), revision=revision)


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_a_process_is_live_until_it_is_silent_for_too_long(hall: Hall) -> None:
    hall.serve("a", 7)
    hall.later(TTL_S)
    (told,) = hall.presence.live(NAME)
    assert (told.process, told.revision, told.version, told.age_s) == ("a", 7, 7, TTL_S)
    hall.later(0.001)
    assert hall.presence.live(NAME) == []
    hall.serve("a", 7)
    assert len(hall.presence.live(NAME)) == 1


def test_a_store_whose_clock_is_ahead_makes_nobody_dead(hall: Hall) -> None:
    hall.serve("a", 1)
    hall.clock.now -= 5 * MICROS_PER_SECOND
    (told,) = hall.presence.live(NAME)
    assert told.age_s == 0.0


def test_a_process_that_stops_in_order_is_gone_at_once(hall: Hall) -> None:
    hall.serve("a", 1)
    hall.serve("b", 1)
    hall.presence.withdraw(NAME, "a")
    assert [told.process for told in hall.presence.live(NAME)] == ["b"]


def test_the_dead_are_forgotten_and_the_living_are_not(hall: Hall) -> None:
    hall.serve("dead", 1)
    hall.later(FORGOTTEN_S + 1)
    hall.serve("alive", 1)
    hall.presence.forget_the_dead(NAME)
    keys = [status.key for status in hall.store.statuses("serving/")]
    assert keys == [f"serving/{NAME}/alive.json"]


def test_waiting_ends_once_every_live_process_serves_the_revision_or_a_later_one(
    hall: Hall,
) -> None:
    hall.serve("a", 2)
    hall.serve("b", 1)

    def catch_up(seconds: float) -> None:
        hall.serve("a", 3)
        if seconds > 1:
            hall.serve("b", 2)

    hall.on_pause = catch_up
    assert hall.served(2) == ["a", "b"]
    assert 1 < hall.seconds < 2


def test_who_does_not_serve_it_is_named_with_the_reason(hall: Hall) -> None:
    def beat(_: float) -> None:
        hall.serve("process-a", 2)
        hall.serve("process-b", 1, "blob 'model' is gone")
        hall.serve("process-c", 0)

    hall.on_pause = beat
    with pytest.raises(NotConverged) as caught:
        hall.served(2, timeout_s=5.0)
    told = str(caught.value)
    assert not missing(told, 2, 5, "process-b", 1, "blob 'model' is gone", "process-c")
    assert missing(told, "process-a")


def test_a_process_that_was_killed_does_not_block_for_ever(hall: Hall) -> None:
    hall.serve("killed", 1)
    hall.on_pause = lambda _: hall.serve("a", 2)
    assert hall.served(2) == ["a"]
    assert TTL_S < hall.seconds < TTL_S + 1


def test_nobody_serving_is_no_convergence(hall: Hall) -> None:
    with pytest.raises(NotConverged) as caught:
        hall.served(1, timeout_s=1.0)
    assert not missing(caught.value, NAME, 1)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"revision": "one"}', b"\xff"])
def test_a_damaged_status_is_told_and_counts_as_behind(hall: Hall, content: bytes) -> None:
    hall.store.put_status(f"serving/{NAME}/a.json", content)
    (told,) = hall.presence.live(NAME)
    assert (told.process, told.revision) == ("a", 0)
    assert f"serving/{NAME}/a.json" in told.problem

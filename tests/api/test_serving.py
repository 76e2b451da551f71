"""A server looks for newer revisions in a thread that nothing ends but its stop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Condition

import pytest

from api.process.polling import LONGEST_PAUSE_S, LivePolling
from model_registry.registry import Registry
from model_registry.serving import LiveModel, Presence
from tests.builders import NOW
from tests.doubles.memory import ManualClock, MemoryStatusStore
from tests.logged import lines_of
from tests.registries import NAME, FragileStore, a_candidate, a_registry


class WatchedLive(LiveModel):
    """A live model that tells when it was refreshed, and may fail as nobody foresaw."""

    def __init__(self, registry: Registry, name: str) -> None:
        super().__init__(registry, name)
        self.refreshed = Condition()
        self.bug: Exception | None = None
        self.looks = 0

    def refresh(self, *, retry: bool = True) -> None:
        try:
            if self.bug is not None:
                raise self.bug
            super().refresh(retry=retry)
        finally:
            with self.refreshed:
                self.looks += 1
                self.refreshed.notify_all()

    def wait_for(self, happened: Callable[[], bool]) -> None:
        with self.refreshed:
            assert self.refreshed.wait_for(happened, 60)


def a_presence() -> Presence:
    clock = ManualClock(NOW)
    return Presence(store=MemoryStatusStore(clock), clock=clock)


@contextmanager
def polled(live: LiveModel, presence: Presence | None = None) -> Iterator[LivePolling]:
    polling = LivePolling(live, presence or a_presence(), every_s=0.01)
    polling.start()
    try:
        yield polling
    finally:
        polling.stop()


def promoted(registry: Registry, version: int) -> None:
    registry.promote(NAME, version, actor="tests", reason="why")


def serves(live: LiveModel, version: int) -> bool:
    return not live.problems and live.snapshot().champion.version == version


def test_a_server_serves_the_first_promotion_and_every_later_one() -> None:
    registry = a_registry(FragileStore())
    live = WatchedLive(registry, NAME)
    with polled(live):
        registry.register(NAME, a_candidate(), actor="tests")
        registry.register(NAME, a_candidate(0.02), actor="tests")
        for version in (1, 2, 1):
            promoted(registry, version)
            live.wait_for(partial(_serves, live, version))


def _serves(live: LiveModel, version: int) -> bool:
    try:
        return serves(live, version)
    except Exception:  # noqa: BLE001  # nothing is promoted yet
        return False


def test_a_server_without_a_model_logs_how_to_get_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    live = WatchedLive(a_registry(FragileStore()), NAME)
    with polled(live):
        live.wait_for(lambda: live.looks > 1)
    (line,) = lines_of(caplog)
    assert (line["event"], line["model"]) == ("no_revision_served", NAME)
    assert "propensity models promote" in line["reason"]


def test_what_cannot_be_loaded_is_logged_once_and_then_that_it_can(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    store = FragileStore()
    registry = a_registry(store)
    registry.register(NAME, a_candidate(), actor="tests")
    registry.register(NAME, a_candidate(0.02), actor="tests")
    promoted(registry, 1)
    live = WatchedLive(registry, NAME)
    with polled(live):
        promoted(registry, 2)
        sound = store.everything()
        store.overwrite(f"models/{NAME}/versions/000002.json", b"{")
        live.wait_for(lambda: bool(live.problems))
        store.restore(sound)
        live.wait_for(lambda: serves(live, 2))
    told = lines_of(caplog)
    served = [line for line in told if line["event"] == "revision_served"]
    assert [line["replaced"] for line in served] == [0, *(line["revision"] for line in served[:-1])]
    warned = [line for line in told if line["event"] == "revision_not_loaded"]
    assert 1 <= len(warned) <= 2


def test_an_unforeseen_failure_does_not_end_the_looking(caplog: pytest.LogCaptureFixture) -> None:
    registry = a_registry(FragileStore())
    registry.register(NAME, a_candidate(), actor="tests")
    live = WatchedLive(registry, NAME)
    live.bug = RuntimeError("a bug")
    with polled(live):
        live.wait_for(lambda: live.looks > 1)
        promoted(registry, 1)
        live.bug = None
        live.wait_for(lambda: _serves(live, 1))
    assert "a bug" in caplog.text


def test_a_server_that_stops_looks_no_further() -> None:
    live = WatchedLive(a_registry(FragileStore()), NAME)
    with polled(live) as polling:
        live.wait_for(lambda: live.looks > 1)
    assert not polling.running


def test_a_server_tells_what_it_serves_until_it_stops() -> None:
    registry = a_registry(FragileStore())
    registry.register(NAME, a_candidate(), actor="tests")
    registry.register(NAME, a_candidate(0.02), actor="tests")
    promoted(registry, 1)
    live, presence = WatchedLive(registry, NAME), a_presence()

    def published(revision: int) -> bool:
        return [told.revision for told in presence.live(NAME)] == [revision]

    with polled(live, presence):
        assert published(1)
        promoted(registry, 2)
        live.wait_for(lambda: published(2))
        (told,) = presence.live(NAME)
        assert (told.version, told.problem) == (2, "")
    assert presence.live(NAME) == []


def test_failures_make_the_looks_more_seldom_with_jitter_and_a_ceiling() -> None:
    polling = LivePolling(LiveModel(a_registry(FragileStore()), NAME), a_presence(), every_s=1.0)
    late = [polling.pause_after(20) for _ in range(200)]
    assert 1.0 <= min(late) < 5.0
    assert 25.0 < max(late) <= LONGEST_PAUSE_S
    assert max(polling.pause_after(1) for _ in range(50)) <= 2.0

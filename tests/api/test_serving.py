"""What the server says of its model, and that it goes on looking for one."""

from threading import Event

import pytest

from api.cli.serving import await_model, tell_model
from model_registry.live import LiveModel
from tests.registries import NAME, FragileStore, a_candidate, a_registry


def test_a_server_without_a_model_finds_the_first_promotion() -> None:
    registry = a_registry(FragileStore())
    live = LiveModel(registry, NAME)
    live.start()
    registry.register(NAME, a_candidate(), actor="tests")
    registry.promote(NAME, 1, actor="tests", reason="first")
    await_model(live, Event(), every_s=0.0)
    assert live.snapshot().version == 1


def test_a_server_that_stops_looks_no_further() -> None:
    live = LiveModel(a_registry(FragileStore()), NAME)
    stopped = Event()
    stopped.set()
    await_model(live, stopped)
    assert stopped.is_set()


def test_a_server_without_a_model_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveModel(a_registry(FragileStore()), NAME)
    live.start()
    tell_model(live)
    assert "propensity models promote" in capsys.readouterr().err

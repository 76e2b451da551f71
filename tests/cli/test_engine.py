"""The local engine, and the demo that starts one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.dynamodb import DynamoTables
from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from tests.cli.conftest import Run, be_patient, interrupted


def test_a_port_in_use_is_named_with_the_way_out(
    deployment: Path, engine: EmbeddedEngine, run: Run
) -> None:
    assert deployment.exists()
    code, _, err = run("serve", "--port", str(engine.port))
    assert code == 2
    assert f"--port {engine.port + 10}" in err


def test_the_engine_is_started_and_stopped_and_keeps_its_data(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    be_patient(monkeypatch)
    assert json.loads(run("db", "status", "--json")[1])["running"] is False
    assert json.loads(run("db", "start", "--json")[1])["started"] is True
    try:
        assert json.loads(run("db", "start", "--json")[1])["started"] is False
        assert "recent_purchases" in run("tables", "create")[1]
        assert json.loads(run("db", "stop", "--json")[1])["stopped"] is True
        run("db", "start")
        assert run("tables", "check")[0] == 0
    finally:
        run("db", "stop")
    assert json.loads(run("db", "status", "--json")[1])["running"] is False


def test_an_engine_of_another_folder_is_not_used(
    home: Path, engine: EmbeddedEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{engine.port}")
    code, _, err = run("db", "start")
    assert (code, f"127.0.0.1:{engine.port + 1}" in err) == (6, True)
    assert run("demo", "--port", str(free_port()))[0] == 6
    assert json.loads(run("db", "status", "--json")[1])["running"] is False
    assert f":{engine.port}" in run("db", "status")[1]
    assert json.loads(run("db", "stop", "--json")[1])["stopped"] is False
    assert engine.answers


def test_a_demo_looks_for_its_metrics_port_before_it_loads_anything(
    home: Path, engine: EmbeddedEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("PROPENSITY_METRICS_PORT", str(engine.port))
    code, out, err = run("demo", "--port", str(free_port()))
    assert (code, out) == (2, "")
    assert f"127.0.0.1:{engine.port} is in use" in err
    assert "[1/5]" not in err


@pytest.fixture
def own_engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedEngine]:
    """The engine of an empty home folder, not started yet."""
    own = EmbeddedEngine(home / ".propensity" / "engine", free_port())
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{own.port}")
    yield own
    own.stop()


@pytest.mark.parametrize("runs_before", [False, True])
def test_an_interrupted_demo_stops_only_what_it_started(
    own_engine: EmbeddedEngine, run: Run, monkeypatch: pytest.MonkeyPatch, runs_before: bool
) -> None:
    if runs_before:
        own_engine.start()
    monkeypatch.setattr(DynamoTables, "create", interrupted)
    assert run("demo", "--port", str(free_port()))[0] == 130
    assert own_engine.answers == runs_before


def test_a_demo_interrupted_as_its_engine_comes_up_stops_it(
    own_engine: EmbeddedEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = EmbeddedEngine.start

    def start_and_interrupt(engine: EmbeddedEngine) -> bool:
        assert start(engine)
        raise KeyboardInterrupt

    monkeypatch.setattr(EmbeddedEngine, "start", start_and_interrupt)
    assert run("demo", "--port", str(free_port()))[0] == 130
    assert not own_engine.answers

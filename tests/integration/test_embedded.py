"""The embedded engine: one per folder, and only its own folder starts and stops it."""

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from psutil import AccessDenied, Process

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port, port_is_free
from domain.errors import Rejected, StoreUnavailable


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    """An engine of this test alone, not started yet."""
    engine = EmbeddedEngine(tmp_path / "own", free_port())
    yield engine
    engine.stop()


def at_once(*engines: EmbeddedEngine) -> list[Future[bool]]:
    """What became of starting them all at the same time."""
    with ThreadPoolExecutor(len(engines)) as threads:
        return [threads.submit(engine.start) for engine in engines]


def test_a_folder_has_one_engine_on_whatever_port(own: EmbeddedEngine) -> None:
    assert (own.start(), own.start()) == (True, False)
    elsewhere = EmbeddedEngine(own.folder, free_port())
    with pytest.raises(StoreUnavailable, match=f"port {own.port} .*PROPENSITY_DYNAMODB_ENDPOINT"):
        elsewhere.start()
    assert (elsewhere.pid, elsewhere.stop()) == (None, False)
    assert (own.answers, own.stop(), own.answers) == (True, True, False)


def test_an_engine_of_another_folder_is_never_used_and_never_stopped(
    own: EmbeddedEngine, tmp_path: Path
) -> None:
    own.start()
    stranger = EmbeddedEngine(tmp_path / "other", own.port)
    with pytest.raises(StoreUnavailable) as refused:
        stranger.start()
    assert f"port {own.port} " in str(refused.value)
    assert f"PROPENSITY_DYNAMODB_ENDPOINT=http://127.0.0.1:{own.port + 1}" in str(refused.value)
    assert (stranger.pid, stranger.stop(), own.answers) == (None, False, True)


def test_a_pid_of_another_engine_is_not_ours(own: EmbeddedEngine, tmp_path: Path) -> None:
    own.start()
    stranger = EmbeddedEngine(tmp_path / "other", own.port)
    stranger.folder.mkdir()
    (stranger.folder / "pid").write_text((own.folder / "pid").read_text())
    assert (stranger.pid, stranger.stop(), own.answers) == (None, False, True)


def test_of_two_starts_at_once_one_starts_the_engine(own: EmbeddedEngine) -> None:
    assert sorted(future.result() for future in at_once(own, own)) == [False, True]


def test_of_two_folders_at_once_on_one_port_one_is_refused(
    own: EmbeddedEngine, tmp_path: Path
) -> None:
    other = EmbeddedEngine(tmp_path / "other", own.port)
    try:
        errors = [future.exception() for future in at_once(own, other)]
        assert sorted(type(error).__name__ for error in errors) == ["NoneType", "StoreUnavailable"]
        assert [own.pid is not None, other.pid is not None] == [not error for error in errors]
    finally:
        other.stop()


def test_ctrl_c_during_the_start_leaves_nothing_behind(
    own: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = []

    def interrupt(_: float) -> None:
        monkeypatch.undo()
        pids.append(json.loads((own.folder / "pid").read_text())["pid"])
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        own.start()
    (pid,) = pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert own.pid is None
    assert port_is_free(own.port)


@pytest.mark.parametrize("recorded", ["", "1234", "{}", '{"pid": "x", "port": 1}'])
def test_an_unreadable_pid_file_names_no_engine(own: EmbeddedEngine, recorded: str) -> None:
    own.folder.mkdir()
    (own.folder / "pid").write_text(recorded)
    assert (own.pid, own.stop()) == (None, False)


def test_another_users_process_is_not_ours(
    own: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Process) -> dict[str, str]:
        raise AccessDenied

    own.folder.mkdir()
    (own.folder / "pid").write_text(json.dumps({"pid": os.getpid(), "port": own.port}))
    monkeypatch.setattr(Process, "environ", refuse)
    assert (own.pid, own.stop()) == (None, False)


def test_a_port_that_another_program_holds_is_named(own: EmbeddedEngine) -> None:
    with socket.create_server(("127.0.0.1", own.port)):
        with pytest.raises(StoreUnavailable, match=f"port {own.port} "):
            own.start()
        assert not port_is_free(own.port)
        assert not port_is_free(own.port, "localhost")
        assert not port_is_free(own.port, "0.0.0.0")  # noqa: S104  # asks only
    assert port_is_free(own.port)


def test_a_port_of_ipv6_is_looked_at_too() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        assert not port_is_free(port, "::1")
        assert port_is_free(port)
    assert port_is_free(port, "::1")


@pytest.mark.parametrize("host", ["203.0.113.1", "a..b"])
def test_a_host_that_is_not_this_machine_is_rejected(host: str) -> None:
    with pytest.raises(Rejected, match=host):
        port_is_free(free_port(), host)

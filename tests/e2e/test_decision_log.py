"""A server under load that logs its decisions: killed, it loses no more than is promised; stopped, nothing."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psutil
import pytest

from adapters.clock import SystemClock
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.decision_log.reading import ParquetDecisionLog
from adapters.embedded import EmbeddedEngine
from adapters.erasure_marks import END
from adapters.listening import free_port
from adapters.object_store import open_object_store
from domain.decision_log import LoggedDecision
from tests.conftest import a_prefix
from tests.e2e.test_connections import PROPENSITY, Server, await_listening
from tests.e2e.test_metrics import prepare
from tests.loopback import PLAIN_HTTP

pytestmark = [pytest.mark.engine, pytest.mark.full]
KEY = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs"
FLUSH_S, CLIENTS, ENOUGH = 1.0, 4, 50
WRITE_S = 10.0
"""One write to the store takes no longer, on a machine that is busy with other tests."""


class Load:
    """What clients were answered: the document, and when it was here, by the decision's id."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self.answers: dict[str, tuple[float, dict[str, Any]]] = {}
        self.over = Event()

    def until(self, then: float) -> set[str]:
        """The ids of what was answered before, by the monotonic clock."""
        return {name for name, (at, _) in self.answers.copy().items() if at < then}

    def asks(self, client: int) -> None:
        """One question after another, until the server is gone."""
        with httpx.Client(base_url=self._url, verify=PLAIN_HTTP, timeout=60) as http:
            number = 0
            while not self.over.is_set():
                number += 1
                customer = f"c{(client + number * CLIENTS) % 40}"
                try:
                    answer = http.get(f"/v1/customers/{customer}/propensity")
                except httpx.TransportError:
                    return
                if answer.status_code == httpx.codes.OK:
                    body = answer.json()
                    self.answers[body["decision_id"]] = (time.monotonic(), body)


@contextmanager
def serving(home: Path, engine: EmbeddedEngine, *, workers: int) -> Iterator[Server]:
    """A server that logs every decision under its home."""
    ours = {name: value for name, value in os.environ.items() if "PROPENSITY_" not in name}
    environment = ours | {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine.port}",
        "PROPENSITY_TABLE_PREFIX": a_prefix(),
        "PROPENSITY_READ_DEADLINE_S": "30",
        "PROPENSITY_READ_TIMEOUT_S": "20",
        "PROPENSITY_DECISION_LOG": "log",
        "PROPENSITY_DECISION_LOG_KEY": KEY,
        "PROPENSITY_DECISION_LOG_FLUSH_S": str(FLUSH_S),
    }
    prepare(home, environment)
    port = free_port()
    command = [PROPENSITY, "serve", "--port", str(port), "--workers", str(workers)]
    with subprocess.Popen(command, cwd=home, env=environment) as process:
        server = Server(process, port)
        try:
            await_listening(server)
            yield server
        finally:
            server.stop()


def loaded(server: Server) -> tuple[Load, ThreadPoolExecutor]:
    """Clients that ask all the time; some answers are old enough to be in the log."""
    load, pool = Load(server.port), ThreadPoolExecutor(CLIENTS)
    for client in range(CLIENTS):
        pool.submit(load.asks, client)
    while len(load.until(time.monotonic() - FLUSH_S - WRITE_S)) < ENOUGH:
        time.sleep(0.1)
    return load, pool


def logged(home: Path) -> dict[str, LoggedDecision]:
    """Every decision of the log, each once."""
    key = bytes.fromhex("deadbeef") + bytes(range(28))
    log = ParquetDecisionLog(
        open_object_store(str(home / "log")), Pseudonyms([key]), clock=SystemClock()
    )
    found = [each for batch in log.between(0, END) for each in batch]
    assert len({each.decision_id for each in found}) == len(found)
    return {each.decision_id: each for each in found}


def check(decision: LoggedDecision, answer: dict[str, Any]) -> None:
    """The log has what the caller was told, to the bit."""
    assert decision.scored is not None
    assert decision.customer_id == answer["customer_id"]
    assert decision.scored.features == tuple(answer["features"].values())
    assert decision.scored.probability == answer["probability"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_is_killed_under_load_loses_no_more_than_is_promised(
    workers: int, tmp_path: Path, engine: EmbeddedEngine
) -> None:
    with serving(tmp_path, engine, workers=workers) as server:
        load, pool = loaded(server)
        with pool:
            killed_at = time.monotonic()
            parent = psutil.Process(server.process.pid)
            for process in [*parent.children(recursive=True), parent]:
                process.send_signal(signal.SIGKILL)
            load.over.set()
    found = logged(tmp_path)  # a torn file is an error
    promised = load.until(killed_at - FLUSH_S - WRITE_S)
    assert len(promised) >= ENOUGH
    assert promised <= found.keys()
    for name in load.answers.keys() & found.keys():
        check(found[name], load.answers[name][1])


def test_a_server_that_stops_under_load_loses_nothing(
    tmp_path: Path, engine: EmbeddedEngine
) -> None:
    with serving(tmp_path, engine, workers=2) as server:
        load, pool = loaded(server)
        with pool:
            server.stop()
            load.over.set()
    found = logged(tmp_path)
    assert load.answers.keys() <= found.keys()
    for name, (_, answer) in load.answers.items():
        check(found[name], answer)

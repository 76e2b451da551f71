"""Parts of the demo: what it sets and leaves alone, and its visitors."""

import json
import random
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from dotenv import dotenv_values

from api.cli.demo import visitors
from api.cli.demo.surroundings import Surroundings
from api.cli.demo.visitors import Visitors, is_ready
from api.process import load_settings

PORT = 8000


@pytest.fixture(autouse=True)
def alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROPENSITY_METRICS_PORT", "")
    return home


def surroundings() -> Surroundings:
    found = Surroundings.of(load_settings(), PORT)
    found.keep()
    return found


def test_a_demo_has_flags_a_console_and_a_log_of_decisions(alone: Path) -> None:
    found = surroundings()
    assert (found.settings.console, found.settings.demo_shop) == (True, True)
    assert found.settings.audience_model == found.settings.served_models[1]
    assert (alone / found.settings.decisions).exists()
    assert found.settings.decision_log


def test_other_commands_find_what_belongs_to_the_data_and_nobody_else_does(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = surroundings()
    file = alone / ".propensity" / "demo.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for name, value in dotenv_values(file).items():
        monkeypatch.setenv(name, value or "")
    told = load_settings()
    assert told.decisions == found.settings.decisions
    assert told.decision_log_keys == found.settings.decision_log_keys
    assert not told.demo_shop


def test_the_next_demo_can_read_what_the_first_one_logged() -> None:
    assert surroundings().settings.decision_log_keys == surroundings().settings.decision_log_keys


def test_the_server_finds_all_of_it_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    found = surroundings()
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    told = load_settings()
    assert told.port == PORT
    assert told.console
    assert told.demo_shop
    assert told.decision_log == found.settings.decision_log


def test_what_somebody_has_set_stays(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_CONSOLE", "false")
    monkeypatch.setenv("PROPENSITY_DECISION_LOG", "")
    monkeypatch.setenv("PROPENSITY_DECISIONS", "ours.toml")
    found = surroundings()
    assert not found.settings.console
    assert (found.settings.decision_log, found.settings.decision_log_key) == ("", None)
    assert found.settings.decisions == "ours.toml"
    assert not (alone / ".propensity" / "decisions.toml").exists()


class Shop(ThreadingHTTPServer):
    """A server that counts what it is asked, and wants a key after so many answers."""

    def __init__(self, answers: int) -> None:
        self.asked: Counter[str] = Counter()
        self.bought: list[Any] = []
        self.answers = answers
        super().__init__(("127.0.0.1", 0), Asked)


class Asked(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bought += body.get("purchases", [])
        self._answer()

    def _answer(self) -> None:
        self.server.asked[self.path.split("/")[2].replace("v1", "flags")] += 1
        enough = self.server.asked.total() > self.server.answers
        self.send_response(401 if enough else 200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def asked(answers: int) -> Iterator[Shop]:
    with Shop(answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def visitors_of(port: int) -> Visitors:
    return Visitors(port, ["ada", "bob"], currency="EUR", chance=random.Random(7))


def test_visitors_look_and_buy_until_a_key_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "PAUSE_S", 0.0)
    with asked(answers=300) as server:
        visitors_of(server.server_port)(lambda: False)
    assert set(server.asked) == {"categories", "customers", "flags", "purchases"}
    assert server.asked["customers"] > server.asked["flags"] > server.asked["purchases"]
    assert {each["customer_id"] for each in server.bought} == {"ada", "bob"}
    assert all(each["purchase_id"].startswith("visitor-") for each in server.bought)
    assert {each["currency"] for each in server.bought} == {"EUR"}


def test_visitors_end_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "PAUSE_S", 0.0)
    turns = iter([False] * 20 + [True])
    with asked(answers=1000) as server:
        port = server.server_port
    visitors_of(port)(lambda: next(turns))
    assert not is_ready(port)

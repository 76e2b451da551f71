"""A command in this process, a deployment of its own, and a year of purchases."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.embedded import EmbeddedEngine
from api.cli import main
from domain.values import MICROS_PER_DAY, instant
from tests.conftest import dynamo_client

Run = Callable[..., tuple[int, str, str]]


END = instant.parse("2026-06-30T00:00:00Z")


COLUMNS = ["customer_id", "purchase_id", "purchased_at", "category", "amount"]


class Terminal(io.StringIO):
    """Somebody at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command in this process: exit code, stdout, stderr."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return run_command


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command gives up because the machine is busy."""
    monkeypatch.setenv("PROPENSITY_READ_TIMEOUT_S", "20")
    monkeypatch.setenv("PROPENSITY_READ_DEADLINE_S", "30")


@pytest.fixture
def deployment(home: Path, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and a prefix for tables on the embedded engine."""
    client = dynamo_client(None)
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{engine.port}")
    monkeypatch.setenv("PROPENSITY_TABLE_PREFIX", client.options.table_prefix)
    be_patient(monkeypatch)
    client.close()
    return home


def purchases(customers: int = 120) -> list[list[str]]:
    """Half of the customers buy every ten days and more each time, half bought once long ago."""
    rows = []
    for customer in range(customers):
        regular = customer % 2 == 0
        for step in range(20) if regular else (19,):
            at = END - step * 10 * MICROS_PER_DAY - customer * 1_000_000
            amount = f"{20 + customer % 7}.50"
            rows.append([f"c{customer}", f"p{step}", instant.render(at), "jewellery", amount])
    return rows


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt

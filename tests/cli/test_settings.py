"""Settings, and the doctor that checks them."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.listening import free_port
from tests.cli.conftest import Run


def test_a_doctor_without_an_engine_names_each_fix(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("PROPENSITY_READ_DEADLINE_S", "0.1")
    code, out, _ = run("doctor", "--json")
    findings: list[dict[str, Any]] = json.loads(out)
    assert code == 1
    assert [finding["ok"] for finding in findings] == [True, *[False] * 5, *[True] * 4]
    assert "propensity db start" in findings[1]["fix"]
    assert all(finding["fix"] for finding in findings if not finding["ok"])


def test_settings_are_printed_with_secrets_masked(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".env").write_text("PROPENSITY_CURRENCY=JPY\nOTHER_PROGRAM=1\n")
    monkeypatch.setenv("PROPENSITY_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("PROPENSITY_SECRET_ACCESS_KEY", "hunter2")
    code, out, _ = run("settings", "--json")
    assert (code, json.loads(out)["currency"]) == (0, "JPY")
    assert "hunter2" not in out + run("settings")[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROPENSITY_CURENCY", "USD"),
        ("PROPENSITY_CURRENCY", "usd"),
        ("PROPENSITY_PORT", "eighty"),
        ("PROPENSITY_DYNAMODB_ENDPOINT", "localhost:8001"),
        ("PROPENSITY_DYNAMODB_ENDPOINT", "http://127.0.0.1:99999"),
        ("PROPENSITY_BANNER_MIN_PROBABILITY", "1.5"),
    ],
)
def test_a_wrong_setting_is_named(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert home.exists()
    monkeypatch.setenv(name, value)
    code, _, err = run("settings")
    assert code == 2
    assert name in err

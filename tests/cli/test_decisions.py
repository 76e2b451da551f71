"""Commands about the log of decisions."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.decision_log.places import hour_of
from adapters.listening import free_port
from adapters.object_store import open_object_store
from domain.values import MICROS_PER_DAY, MICROS_PER_SECOND
from tests.cli.conftest import Run
from tests.decision_logs import a_writer, an_answer
from tests.doubles.memory import ManualClock

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"  # as tests.decision_logs.KEY


@pytest.fixture(autouse=True)
def _a_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_DECISION_LOG", str(home / "log"))
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_KEY", KEY)


def write(home: Path, at: int) -> str:
    """The id of a decision of that instant, in a file of its own."""
    writer = a_writer(open_object_store(str(home / "log")), ManualClock(at))
    answer = an_answer(at)
    assert writer.keep(answer)
    writer.flush()
    return answer.decision_id


def test_what_is_logged_is_listed_and_shown(run: Run, home: Path) -> None:
    now = SystemClock()() - MICROS_PER_SECOND
    decision_id = write(home, now)
    code, out, _ = run("decisions", "list", "--json")
    (hour,) = json.loads(out)
    assert (code, hour["files"], hour["decisions"]) == (0, 1, 1)
    assert hour["size_bytes"] > 0
    code, out, _ = run("decisions", "show", decision_id)
    shown = json.loads(out)
    assert (code, shown["customer_id"], shown["scored"]["features"]) == (
        0,
        "customer-1",
        [1.5, -0.0],
    )
    assert run("decisions", "list")[0] == 0


def test_what_is_not_there_is_said(run: Run) -> None:
    code, _, err = run("decisions", "show", an_answer().decision_id)
    assert (code, "is in the log" in err) == (4, True)
    assert run("decisions", "show", "x")[0] == 2


def test_whoever_only_tidies_needs_no_key(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = hour_of(SystemClock()()) - MICROS_PER_DAY
    decision_id = write(home, hour)
    write(home, hour + 1)
    monkeypatch.delenv("PROPENSITY_DECISION_LOG_KEY")
    code, out, _ = run("decisions", "tidy", "--json")
    assert (code, json.loads(out)["hours_merged"]) == (0, 1)
    for command in (
        ("decisions", "show", decision_id),
        ("decisions", "list"),
        ("serve", "--port", str(free_port())),
        ("erase", "customer-1", "--yes"),
    ):
        code, _, err = run(*command)
        assert (code, "PROPENSITY_DECISION_LOG_KEY: is needed" in err) == (2, True), command


def test_a_doctor_looks_at_the_log(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def finding() -> Mapping[str, object]:
        found: list[dict[str, object]] = json.loads(run("doctor", "--json")[1])
        return next(each for each in found if each["check"] == "decision log")

    write(home, SystemClock()() - MICROS_PER_SECOND)
    for deadline in ("READ", "WRITE", "BATCH"):  # the store is not there, and not asked about here
        monkeypatch.setenv(f"PROPENSITY_{deadline}_DEADLINE_S", "0.1")
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    assert (finding()["ok"], str(finding()["finding"])[:11]) == (True, "1 decisions")
    monkeypatch.delenv("PROPENSITY_DECISION_LOG_KEY")
    assert finding()["ok"] is False
    monkeypatch.delenv("PROPENSITY_DECISION_LOG")
    assert finding()["ok"] is True


def test_an_hour_that_is_over_is_merged(run: Run, home: Path) -> None:
    hour = hour_of(SystemClock()()) - MICROS_PER_DAY
    ids = [write(home, hour), write(home, hour + 1)]
    code, out, _ = run("decisions", "tidy", "--json")
    assert (code, json.loads(out)["hours_merged"]) == (0, 1)
    assert [run("decisions", "show", each)[0] for each in ids] == [0, 0]
    assert run("decisions", "tidy")[0] == 0


@pytest.mark.parametrize("command", ["tidy", "list"])
def test_where_nothing_is_logged_the_setting_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("PROPENSITY_DECISION_LOG")
    code, _, err = run("decisions", command)
    assert (code, "PROPENSITY_DECISION_LOG" in err) == (2, True)


def test_upkeep_alone_needs_no_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROPENSITY_DECISION_LOG_KEY")
    assert run("decisions", "tidy")[0] == 0
    port = str(free_port())
    for command in (["decisions", "list"], ["serve", "--port", port], ["erase", "c1", "--yes"]):
        code, _, err = run(*command)
        assert (code, "PROPENSITY_DECISION_LOG_KEY" in err) == (2, True), command

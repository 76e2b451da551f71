"""Results of a flag on the command line, from a log that a server wrote with sealed customers."""

import json
import os
import random
from base64 import b64encode
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.decision_log.writing import DecisionWriter
from adapters.object_store import open_object_store
from api.composition import flag_records, flags_of
from api.process import load_settings
from domain.decision_log import LogDecisions
from domain.prediction import Because, FlagDecision
from domain.values import BUCKETS, MICROS_PER_DAY, instant
from tests.cli.conftest import END, Run, purchases, write_csv

FLAG = """\
[flags.banner]
variants = {on = true, off = false}
show = "on"
default = "off"
holdout = "50%"
"""
CUSTOMERS = [f"c{number}" for number in range(120)]


@pytest.fixture
def shop(deployment: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """120 customers, each with two decisions of forty days ago in the log."""
    (deployment / "decisions.toml").write_text(FLAG)
    monkeypatch.setenv("PROPENSITY_DECISIONS", str(deployment / "decisions.toml"))
    monkeypatch.setenv("PROPENSITY_DECISION_LOG", str(deployment / "decisions"))
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_KEY", b64encode(os.urandom(32)).decode())
    now = SystemClock()()
    rows = [
        [*row[:2], instant.render(instant.parse(row[2]) + now - END), *row[3:]]
        for row in purchases()
    ]
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", rows)))
    log_decisions(now - 40 * MICROS_PER_DAY)
    return deployment


def log_decisions(at: int) -> None:
    """As a server does that decides and logs."""
    settings = load_settings()
    flag = flags_of(settings)["banner"]
    writer = DecisionWriter(
        open_object_store(settings.decision_log),
        Pseudonyms(settings.decision_log_keys),
        clock=lambda: 0,  # what was decided long ago is not too old to be written
        flush_s=0.1,
    )
    writer.start()
    for hour in (0, 5):
        log = LogDecisions(
            keep=writer.keep,
            clock=lambda moment=at + hour * 3_600_000_000: moment,
            random=random.Random(hour).getrandbits,
            propensity=0,
            flags=BUCKETS,
        )
        for customer in CUSTOMERS:
            decision = FlagDecision(
                key=flag.key,
                variant=flag.default,
                value=False,
                reason=Because.SPLIT if flag.holds_out(customer) else Because.DEFAULT,
            )
            assert log.of_flag(customer, flag, decision, route="/ofrep/v1/evaluate/flags/{key}")
    writer.stop(within_s=60)


def test_a_flag_is_measured_from_its_log(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run("flags", "results", "banner", "--json")
    assert code == 0, err
    found = json.loads(out)
    held_out = sum(map(flags_of(load_settings())["banner"].holds_out, CUSTOMERS))
    assert (found["treated"], found["held_out"]) == (120 - held_out, held_out)
    assert (found["over"], found["share"], found["category"]) == (True, 1.0, None)
    assert (found["holdout"], found["assignment_broken"]) == (0.5, False)
    assert [each["metric"] for each in found["metrics"]] == [
        "conversion",
        "revenue",
        "revenue_adjusted",
    ]
    assert found["metrics"][0]["difference"]["interval"]["low"] is not None
    assert flag_records(load_settings()).newest("banner").flag == "banner"
    code, out, _ = run("flags", "results", "banner")
    assert (code, "bought anything" in out) == (0, True)
    assert not any(each in everything(shop / "decisions") for each in (b'"c17"', b"c17,"))

    assert run("flags", "results", "nothing")[0] == 4
    assert run("flags", "results", "banner", "--days", "5", "--from", "2020-01-01T00:00:00Z", "--until", "2020-01-09T00:00:00Z")[0] == 4  # fmt: skip
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_SHARES", "flags=10%")
    code, _, err = run("flags", "results", "banner")
    assert (code, "PROPENSITY_DECISION_LOG_SHARES" in err) == (2, True)


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

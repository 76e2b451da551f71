"""A thousand logged decisions come out again to the last bit, and what came of them is told."""

import asyncio
import json
import os
import random
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.decision_log.writing import DecisionWriter
from adapters.object_store import open_object_store
from api.composition import application, open_decision_log
from api.process import load_settings
from domain.decision_log import LogDecisions
from domain.values import BUCKETS, MICROS_PER_DAY, instant
from tests.cli.conftest import END, Run, purchases, write_csv

ROUTE = "/v1/customers/{customer_id}/propensity"
NAME = "purchase-propensity"
DAYS_AGO = (2, 5, 9, 33, 36, 40, 44, 48, 55)


@pytest.fixture
def decided(deployment: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> int:
    """When a shop of 120 customers had 1,080 logged decisions of a trained model."""
    monkeypatch.setenv("PROPENSITY_DECISION_LOG", str(deployment / "decisions"))
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_KEY", b64encode(os.urandom(32)).decode())
    now = SystemClock()()
    rows = [
        [*row[:2], instant.render(instant.parse(row[2]) + now - END), *row[3:]]
        for row in purchases()
    ]
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", rows)))
    assert run("train", "--features", "rfm_90d")[0] == 0
    run("models", "promote", NAME, "1", "--reason", "first")
    asyncio.run(decide(now, [f"c{n}" for n in range(120)]))
    return now


async def decide(now: int, customers: Sequence[str]) -> None:
    """Answers each customer on several days, and logs it as a server does."""
    settings = load_settings()
    with application(settings) as built:
        built.live.start()
        writer = DecisionWriter(
            open_object_store(settings.decision_log),
            Pseudonyms(settings.decision_log_keys),
            clock=lambda: 0,  # what was decided long ago is not too old to be written
            flush_s=0.1,
        )
        log = LogDecisions(
            keep=writer.keep,
            clock=built.clock,
            random=random.Random(1).getrandbits,
            propensity=BUCKETS,
            flags=0,
        )
        writer.start()
        for customer in customers:
            for ago in DAYS_AGO:
                prediction = await built.predict(customer, as_of=now - ago * MICROS_PER_DAY)
                assert log.of_propensity(prediction, route=ROUTE) is not None
        writer.stop(within_s=60)


def replayed(run: Run, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = run("replay", *arguments, "--json")
    return code, json.loads(out)


def check_outcomes(run: Run, decided: int) -> None:
    """They are told beside the promise, once they are due."""
    code, out, _ = run("outcomes", NAME, "--json")
    found = json.loads(out)
    due = sum(ago >= 31 for ago in DAYS_AGO)
    assert (code, found["due"], found["read"]) == (0, 120 * due, 120 * len(DAYS_AGO))
    assert found["not_joined"]["not_due"] == 120 * (len(DAYS_AGO) - due)
    (version,) = found["versions"]
    assert (version["version"], version["arm"], version["horizon_days"]) == (1, "champion", 30)
    assert version["all"]["customers"] == 120
    assert version["all"]["bought"] == pytest.approx(0.5, abs=0.02)
    assert {each["metric"] for each in version["judged"]} == {"auc", "log_loss", "bias"}
    parts = [version[part]["decisions"] for part in ("acted", "not_acted") if version[part]]
    assert sum(parts) == found["due"]
    code, out, _ = run("outcomes", NAME)
    assert (code, "promised" in out) == (0, True)
    recent = instant.render(decided - 20 * MICROS_PER_DAY)
    code, out, _ = run("outcomes", NAME, "--from", recent, "--json")
    assert (code, json.loads(out)["due"], json.loads(out)["versions"]) == (0, 0, [])
    assert run("outcomes", "nobody")[0] == 4


@pytest.mark.full
def test_a_thousand_decisions_come_out_again_and_what_came_of_them_is_told(
    deployment: Path, run: Run, decided: int
) -> None:
    check_outcomes(run, decided)
    year = ("--from", instant.render(decided - 365 * MICROS_PER_DAY))
    code, found = replayed(run, "--sample", "1000", *year)
    assert (code, found["replayed"], found["equal"], found["unexplained"]) == (0, 1000, 1000, 0)
    assert found["read"] == 120 * len(DAYS_AGO)

    run("train", "--features", "total_purchase_volume_30d")  # another version serves
    run("models", "promote", NAME, "2", "--reason", "second", "--force")
    late = instant.render(decided - 3 * MICROS_PER_DAY)
    csv = [["c0", "late", late, "jewellery", "5.00"]]
    run("import", str(write_csv(deployment / "late.csv", csv)))
    assert run("refund", "c2", "p1", "r", "3", "--at", late)[0] == 0
    assert run("cancel", "c4", "p1")[0] == 0
    assert run("erase", "c6", "--yes")[0] == 0

    code, found = replayed(run, "--sample", "2000", *year)
    assert (code, found["replayed"]) == (0, 120 * len(DAYS_AGO))
    different = [each for each in found["decisions"] if each["verdict"] != "equal"]
    customers = {
        each.decision_id: each.customer_id
        for some in open_decision_log(load_settings()).between(0, decided)
        for each in some
    }
    causes = Counter(
        (customers[each["decision_id"]], evidence["cause"], *evidence["ids"])
        for each in different
        for evidence in each["evidence"]
    )
    assert causes[("c0", "late_purchase", "late")] == 1
    assert causes[("c2", "late_refund", "r")] == 1
    assert causes[("c4", "cancelled", "p1")] >= 1
    erased = {key: count for key, count in causes.items() if key[1] == "erased"}
    assert sum(erased.values()) == len(DAYS_AGO)
    assert {key[0] for key in causes} <= {"c0", "c2", "c4", "c6", None}
    assert all(each["version"] == 1 for each in found["decisions"])

    chosen = next(each for each in different if each["evidence"][0]["cause"] == "late_purchase")
    code, out, _ = run("replay", "--decision", chosen["decision_id"])
    assert code == 0
    assert "late" in out
    assert "c0" not in out.replace(chosen["decision_id"], "")

    versions = deployment / ".propensity" / "registry" / "models" / NAME / "versions"
    (versions / "000001.json").unlink()
    code, found = replayed(run, "--decision", chosen["decision_id"])
    assert (code, found["causes"]) == (1, {"version_gone": 1})


def test_what_was_asked_for_must_be_there(
    deployment: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("replay", "--sample", "5")[0] == 2
    monkeypatch.setenv("PROPENSITY_DECISION_LOG", str(deployment / "decisions"))
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_KEY", b64encode(os.urandom(32)).decode())
    assert run("replay")[0] == 2
    assert run("replay", "--sample", "5", "--decision", "x")[0] == 2
    assert run("replay", "--decision", "x")[0] == 2
    assert run("replay", "--decision", "01890a5d-ac96-774b-bcce-b302099a8057")[0] in {2, 4}
    assert run("replay", "--sample", "5")[0] == 4
    assert (
        run(
            "replay",
            "--sample",
            "5",
            "--from",
            "2026-01-02T00:00:00Z",
            "--until",
            "2026-01-01T00:00:00Z",
        )[0]
        == 2
    )
    assert run("outcomes", NAME)[0] == 4

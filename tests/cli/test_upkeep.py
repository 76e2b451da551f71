"""What an operator runs later: verify, rebuild, another retention, another layout."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from api.composition import application
from api.process import load_settings
from domain.categories import Position
from domain.customers import EveryCustomer
from domain.values import MICROS_PER_DAY, instant
from tests.cli.conftest import END, Run, purchases, write_csv


def test_the_truth_is_verified_and_rebuilt(
    deployment: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_RECENT_DAYS", "30")
    run("tables", "create")
    now = SystemClock()()
    rows = [
        [f"c{n}", "p1", instant.render(now - n * MICROS_PER_DAY), "jewellery", "5"]
        for n in range(9)
    ]
    run("import", str(write_csv(deployment / "purchases.csv", rows)))
    code, out, _ = run("verify", "--all", "--json")
    assert (code, json.loads(out)["customers"], json.loads(out)["differences"]) == (0, 9, [])
    assert run("verify")[0] == 2

    with application(load_settings()) as built:
        recent, client = built.client.recent, built.client.connection.client
        for customer in ("c1", "c2"):
            client.delete_item(
                TableName=recent.Meta.table_name, Key={"customer_id": {"S": customer}}
            )
    code, out, _ = run("verify", "--all")
    assert (code, bool(re.search(r"c1: .*\b1\b.*\b0\b.*\b1 ", out))) == (1, True)
    assert re.search(r"\b9\b.*\b2\b", out)
    assert json.loads(run("verify", "--sample", "3", "--json")[1])["customers"] == 3
    assert json.loads(run("rebuild", "--customer", "c1", "--json")[1])["changed"] == 1

    interrupted_after = EveryCustomer.batches

    async def one_batch(self: EveryCustomer, start: Position = Position()) -> AsyncIterator[Any]:  # noqa: B008  # frozen
        async for position, customers in interrupted_after(self, start):
            yield position, customers
            raise KeyboardInterrupt

    monkeypatch.setattr(EveryCustomer, "batches", one_batch)
    assert run("rebuild")[0] == 130
    monkeypatch.setattr(EveryCustomer, "batches", interrupted_after)
    assert (deployment / ".propensity" / "rebuild.json").exists()
    code, out, err = run("rebuild", "--json")
    assert (code, "rebuild.json" in err) == (0, True)
    assert json.loads(out)["customers"] < 9
    assert not (deployment / ".propensity" / "rebuild.json").exists()
    assert json.loads(run("rebuild", "--json")[1])["shorter_retentions"] == []
    assert run("verify", "--all")[0] == 0

    monkeypatch.setenv("PROPENSITY_RECENT_DAYS", "90")
    findings = {each["check"]: each for each in json.loads(run("doctor", "--json")[1])}
    assert "(30 until " in findings["recent purchases"]["finding"]
    assert "then propensity rebuild" in findings["recent purchases"]["fix"]
    (still,) = json.loads(run("rebuild", "--json")[1])["shorter_retentions"]
    assert still["recent_days"] == 30
    assert (
        f"a process with PROPENSITY_RECENT_DAYS=30 wrote until {still['last_write']}"
        in run("rebuild")[1]
    )
    assert run("verify", "--all")[0] == 0
    (deployment / ".propensity" / "rebuild.json").write_text("[]")
    assert run("rebuild")[0] == 2


@pytest.mark.full
def test_a_retention_is_heeded_by_every_command(
    deployment: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_RECENT_DAYS", "30")
    file = str(write_csv(deployment / "purchases.csv", purchases()))
    run("tables", "create")
    run("import", file)
    single = ("--features", "total_purchase_volume_30d")
    run("train", *single)
    run("train", "--features", "rfm_90d")
    run("train", "--features", "lifetime")

    age = (SystemClock()() - END) // MICROS_PER_DAY
    monkeypatch.setenv("PROPENSITY_PURCHASE_RETENTION_DAYS", "60")
    assert re.search(r"expires_at.*propensity tables create", run("serve")[2])
    assert "propensity tables create" in run("doctor")[1]
    assert run("tables", "create")[0] == 0
    code, _, err = run("train", "--features", "rfm_90d")
    assert (code, " 150:" in err) == (3, True)
    promote = ("models", "promote", "purchase-propensity")
    code, _, err = run(*promote, "2", "--reason", "nine features")
    assert (code, bool(re.search("90d.*60 days", err))) == (3, True)
    code, _, err = run(*promote, "3", "--reason", "a whole life")
    assert (code, bool(re.search("ever.*60 days", err))) == (3, True)
    code, _, err = run("train", "--features", "lifetime")
    assert (code, bool(re.search("60 days.*ever", err))) == (3, True)
    assert run(*promote, "1", "--reason", "first")[0] == 0
    code, _, err = run("predict", "c0", "--as-of", instant.render(END - 60 * MICROS_PER_DAY))
    assert (code, "60 days" in err) == (2, True)
    assert run("predict", "c0")[0] == 0
    code, _, err = run(
        "audience", "jewellery", "--as-of", instant.render(END - 60 * MICROS_PER_DAY)
    )
    assert (code, "60 days" in err) == (2, True)
    again = json.loads(run("import", file, "--json")[1])
    assert again["rejected"] > 0

    monkeypatch.setenv("PROPENSITY_PURCHASE_RETENTION_DAYS", str(age + 195))
    code, _, err = run("train", *single)
    assert (code, bool(re.search(r"^6 .*\b4\b", err, re.MULTILINE))) == (0, True)
    findings = {each["check"]: each for each in json.loads(run("doctor", "--json")[1])}
    assert findings["purchases"]["finding"] == f"kept for {age + 195} days"  # nothing was written
    monkeypatch.delenv("PROPENSITY_PURCHASE_RETENTION_DAYS")
    assert "PROPENSITY_PURCHASE_RETENTION_DAYS" in run("tables", "check")[2]
    assert "PROPENSITY_PURCHASE_RETENTION_DAYS" in run("doctor", "--json")[1]


@pytest.mark.full
def test_a_store_of_an_older_layout_is_refused_until_it_is_rebuilt(
    deployment: Path, run: Run
) -> None:
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", purchases(6))))
    with application(load_settings()) as built:
        table, client = built.client.recent.Meta.table_name, built.client.connection.client
        older: dict[str, Any] = {"k92": {"N": "20000"}, "d20000": {"SS": ["1|1|1|cp"]}}
        for customer in (" ", "c1", "unlisted"):
            item = {"customer_id": {"S": customer}, "writes": {"N": "1"}, **older}
            client.put_item(TableName=table, Item=item)
    file = str(deployment / "purchases.csv")
    for command in (("tables", "check"), ("serve",), ("worker",), ("import", file)):
        code, _, err = run(*command)
        assert (code != 0, "propensity rebuild" in err) == (True, True), command
    found = {each["check"]: each for each in json.loads(run("doctor", "--json")[1])}
    assert "then: propensity rebuild" in found["tables"]["fix"]
    assert run("rebuild")[0] == 0
    assert run("tables", "check")[0] == 0
    assert run("verify", "--all")[0] == 0


@pytest.mark.full
def test_a_rebuild_of_other_tables_does_not_go_on_where_one_of_these_stopped(
    deployment: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restore: the tables have a new prefix, and the home folder is the same."""
    file = str(write_csv(deployment / "purchases.csv", purchases(6)))
    checkpoint = deployment / ".propensity" / "rebuild.json"
    for prefix in ("before-", "restored-"):
        monkeypatch.setenv("PROPENSITY_TABLE_PREFIX", load_settings().table_prefix + prefix)
        run("tables", "create")
        run("import", file)
        if prefix == "before-":
            with application(load_settings()) as built:
                table = built.tables.identity()
            last = {"began_at": instant.render(END), "shard": 15, "after": "z", "table": table}
            checkpoint.write_text(json.dumps(last))
            stopped = checkpoint.read_text()
            assert json.loads(run("rebuild", "--json")[1])["customers"] == 0
            checkpoint.write_text(stopped)
    code, out, err = run("rebuild", "--json")
    assert (code, json.loads(out)["customers"]) == (0, 6)
    assert "other tables" in err
    assert not checkpoint.exists()

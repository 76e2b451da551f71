"""The commands for a customer's own sake, on the embedded engine."""

import json
import sys
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from api.cli import customers
from api.composition import application
from api.process import load_settings
from domain.customers import EraseAgain, EraseCustomer, ErasedAgain, Erasure, Receipt
from domain.values import MICROS_PER_DAY, instant
from tests.cli.conftest import Run, Terminal, write_csv


@pytest.fixture
def shop(deployment: Path, run: Run) -> Path:
    """A deployment where c1 bought yesterday and last year, and c2 yesterday."""
    run("tables", "create")
    now = SystemClock()()
    rows = [
        ["c1", "new", instant.render(now - MICROS_PER_DAY), "jewellery", "5.00"],
        ["c1", "old", instant.render(now - 365 * MICROS_PER_DAY), "shirts", "7.50"],
        ["c2", "new", instant.render(now - MICROS_PER_DAY), "jewellery", "5.00"],
    ]
    run("import", str(write_csv(deployment / "purchases.csv", rows)))
    return deployment


def test_all_that_is_held_about_a_customer_is_written_and_erased(shop: Path, run: Run) -> None:
    run("cancel", "c1", "returned")
    code, out, _ = run("export-customer", "c1", "--json")
    held = json.loads(out)
    assert code == 0
    assert [each["purchase_id"] for each in held["purchases"]] == ["old", "new"]
    assert held["purchases"][0]["amount_minor"] == 750
    assert [each["purchase_id"] for each in held["recent_purchases"]] == ["new"]
    assert [each["purchase_id"] for each in held["cancelled"]] == ["returned"]
    assert held["categories"] == held["counted_in"] == ["jewellery", "shirts"]
    assert (held["customer_id"], held["currency"]) == ("c1", "USD")
    assert held["suppressed_until"] is None
    assert held["campaigns"] == []

    code, out, _ = run("erase", "c1", "--yes", "--json")
    receipt = json.loads(out)
    assert (code, receipt["complete"], "c1" in out) == (0, True, False)
    assert [receipt[name] for name in ("purchases", "cancelled", "recent_purchases")] == [2, 1, 1]
    assert receipt["cost"]["write_units"]["measured"] > 0
    assert json.loads(run("erase", "c1", "--yes", "--json")[1])["purchases"] == 0

    held = json.loads(run("export-customer", "c1")[1])
    assert (held["purchases"], held["cancelled"], held["recent_purchases"]) == ([], [], [])
    assert held["categories"] == []
    assert held["counted_in"] == ["jewellery", "shirts"]  # hashes, which the README tells of
    assert held["suppressed_until"] > receipt["erased_at"]

    again = json.loads(run("import", str(shop / "purchases.csv"), "--json")[1])
    assert (again["erased"], again["duplicate"], again["refused_rows"]) == (2, 1, None)
    assert run("rebuild")[0] == 0
    code, out, _ = run("verify", "--all", "--json")
    assert (code, json.loads(out)["customers"]) == (0, 1)
    assert run("erase", " ")[0] == 2


def test_an_export_goes_to_a_new_file_that_nobody_else_can_read(shop: Path, run: Run) -> None:
    file = shop / "c1.json"
    assert run("export-customer", "c1", "--output", str(file))[:2] == (0, "")
    assert len(json.loads(file.read_text())["purchases"]) == 2
    assert file.stat().st_mode & 0o077 == 0
    code, _, err = run("export-customer", "c1", "--output", str(file))
    assert (code, str(file) in err) == (2, True)
    assert run("export-customer", " ")[0] == 2


def test_an_erasure_that_could_not_finish_exits_with_1(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.exists()

    async def interrupted(self: EraseCustomer, customer_id: str, /) -> Receipt:
        del self, customer_id
        nothing = Erasure(
            purchases=0, cancelled=0, recent_purchases=0, refunds_waiting=0, complete=False
        )
        return Receipt(erased=nothing, at=0, suppressed_until=None)

    monkeypatch.setattr(EraseCustomer, "__call__", interrupted)
    code, out, err = run("erase", "c1", "--yes", "--json")
    assert (code, json.loads(out)["complete"]) == (customers.NOT_COMPLETE, False)
    assert err


def test_who_came_back_is_erased_again(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("erase", "c1", "--yes")
    with application(load_settings()) as built:
        client, table = built.client.connection.client, built.client.purchases.Meta.table_name
        item = {"customer_id": {"S": "c1"}, "purchase_id": {"S": "old"}}
        client.put_item(TableName=table, Item=item | {"cancelled_at": {"N": "1"}})
    assert shop.exists()
    assert run("erase-again")[0] == 2  # nobody to ask
    code, out, _ = run("erase-again", "--yes", "--json")
    found = json.loads(out)
    assert (code, found["suppressed"], found["had_come_back"], found["unfinished"]) == (0, 1, 1, 0)
    code, out, _ = run("erase-again", "--yes")
    assert (code, "had come back: 0" in out) == (0, True)

    async def interrupted(self: EraseAgain) -> ErasedAgain:
        del self
        return ErasedAgain(suppressed=1, had_come_back=1, unfinished=1)

    monkeypatch.setattr(EraseAgain, "__call__", interrupted)
    assert run("erase-again", "--yes")[0] == customers.NOT_COMPLETE


def held(run: Run) -> int:
    return len(json.loads(run("export-customer", "c1")[1])["purchases"])


def test_an_erasure_without_a_yes_erases_nobody(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.exists()
    code, out, err = run("erase", "c1")
    assert (code, out, "--yes" in err) == (2, "", True)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    code, out, err = run("erase", "c1")
    assert (code, out.strip(), "c1" in err) == (1, "", True)
    assert held(run) == 2


def test_whoever_is_asked_and_says_yes_erases(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.exists()
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run("erase", "c1")[0] == 0
    assert held(run) == 0

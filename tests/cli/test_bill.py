"""The command that computes a month's bill."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Run

SHOP = ("costs", "--customers", "1000", "--purchases-a-month", "5000")


def document(run: Run, *options: str) -> dict[str, Any]:
    code, out, _ = run(*SHOP, *options, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_lines_add_up(run: Run) -> None:
    found = document(run, "--predictions-a-month", "100000", "--audiences-a-month", "10")
    for price in ("on_demand_usd", "provisioned_usd"):
        assert sum(line[price] for line in found["lines"]) == pytest.approx(found[price])
    assert sum(each["usd"] for each in found["stored"]) == pytest.approx(found["storage_usd"])


def test_people_read_the_same_sums(run: Run) -> None:
    found = document(run)
    code, out, _ = run(*SHOP)
    assert code == 0
    assert f"{found['on_demand_usd'] + found['storage_usd']:,.2f}" in out


def test_every_price_can_be_another_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_WRITE_PRICE_PER_MILLION", "6.25")
    usual, dear = document(run), document(run, "--price", "write_hour=1", "--price", "pitr_gb=0")
    assert usual["prices_usd"]["write_million"] == 6.25
    assert dear["prices_usd"]["write_hour"] == 1
    assert dear["provisioned_usd"] > usual["provisioned_usd"]
    assert dear["pitr_usd"] == 0
    assert usual["break_even_utilisation"]["writes"] < usual["break_even_utilisation"]["reads"]


@pytest.mark.parametrize("price", ["gold=1", "write_hour", "write_hour=-1", "write_hour=nan"])
def test_what_is_no_price_is_refused(run: Run, price: str) -> None:
    code, _, err = run(*SHOP, "--price", price)
    assert code == 2
    assert "--price" in err

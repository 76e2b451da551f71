"""The commands about categories: listed with their size, and spread over more partitions."""

import json
import sys
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from domain.values import MICROS_PER_DAY, instant
from tests.cli.conftest import Run, Terminal, write_csv

SPREAD = ("categories", "spread", "jewellery", "--partitions")


@pytest.fixture
def shop(deployment: Path, run: Run) -> Path:
    """A deployment where three customers bought jewellery, and one of them shirts."""
    run("tables", "create")
    yesterday = instant.render(SystemClock()() - MICROS_PER_DAY)
    rows = [[f"c{n}", "new", yesterday, "jewellery", "5.00"] for n in range(3)]
    rows.append(["c1", "old", yesterday, "shirts", "7.50"])
    run("import", str(write_csv(deployment / "purchases.csv", rows)))
    return deployment


def listed(run: Run) -> dict[str, tuple[int, int, int]]:
    """Customers, partitions and purchases a second of each category."""
    return {
        each["category"]: (
            each["approximate_customers"],
            each["partitions"],
            each["purchases_per_second"],
        )
        for each in json.loads(run("categories", "list", "--json")[1])
    }


def acts(run: Run) -> list[tuple[str, str, str]]:
    return [
        (each["act"], each["target"], each["name"])
        for each in json.loads(run("audit", "--json")[1])
    ]


def test_a_category_is_spread_and_its_customers_stay_listed(shop: Path, run: Run) -> None:
    assert listed(run) == {"jewellery": (3, 16, 16_000), "shirts": (1, 16, 16_000)}
    code, out, _ = run(*SPREAD, "64", "--yes", "--json")
    report = json.loads(out)
    assert (code, report["before"], report["partitions"]) == (0, 16, 64)
    assert (report["category"], report["purchases_per_second"]) == ("jewellery", 64_000)
    assert report["cost"]["write_units"]["measured"] > 0
    assert listed(run) == {"jewellery": (3, 64, 64_000), "shirts": (1, 16, 16_000)}
    assert acts(run) == [("spread", "category", "jewellery")]

    again = json.loads(run(*SPREAD, "64", "--json")[1])  # nothing is asked, and nothing done
    assert (again["before"], again["partitions"]) == (64, 64)
    assert again["cost"]["write_units"] == {"measured": 0.0, "computed": 0.0}
    assert len(acts(run)) == 1

    later = instant.render(SystemClock()())
    rows = [[f"c{n}", "later", later, "jewellery", "5.00"] for n in range(9)]
    run("import", str(write_csv(shop / "later.csv", rows)))
    assert json.loads(run("verify", "--all", "--json")[1])["customers"] == 9
    assert json.loads(run("rebuild", "--json")[1])["customers"] == 9


@pytest.mark.full
@pytest.mark.parametrize(
    ("category", "partitions", "code", "advice"),
    [
        ("jewelery", "32", 4, "categories list"),
        ("jewellery", "48", 2, "16, 32, 64, 128, 256, 512"),
        ("jewellery", "1024", 2, "16, 32, 64, 128, 256, 512"),
        ("jewellery", "32", 2, "64 already"),
        ("jewellery", "128", 2, "--yes"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_a_spread_that_cannot_be_changes_nothing(
    run: Run, category: str, partitions: str, code: int, advice: str
) -> None:
    run(*SPREAD, "64", "--yes")
    before = listed(run)
    found, out, err = run("categories", "spread", category, "--partitions", partitions)
    assert (found, out, advice in err) == (code, "", True)
    assert listed(run) == before
    assert len(acts(run)) == 1


@pytest.mark.full
@pytest.mark.parametrize(("typed", "code", "partitions"), [("y\n", 0, 32), ("n\n", 1, 16)])
@pytest.mark.usefixtures("shop")
def test_whoever_is_asked_decides(
    run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, partitions: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    found, out, err = run(*SPREAD, "32")
    assert (found, "jewellery" in err) == (code, True)
    assert ("32,000" in out) == (code == 0)
    assert listed(run)["jewellery"] == (3, partitions, partitions * 1_000)


@pytest.mark.usefixtures("shop")
def test_nobody_is_asked_where_there_is_no_input_at_all(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = run(*SPREAD, "32")
    assert (code, "--yes" in err) == (2, True)


@pytest.mark.usefixtures("shop")
def test_a_category_is_found_however_it_is_spelled(run: Run, tmp_path: Path) -> None:
    rows = [["c1", "p1", "2026-06-01T00:00:00Z", "nai\u0308ve", "5.00"]]
    run("import", str(write_csv(tmp_path / "naive.csv", rows)))
    assert run("categories", "spread", "nai\u0308ve", "--partitions", "32", "--yes")[0] == 0
    assert run("categories", "spread", "", "--partitions", "32", "--yes")[0] == 2


@pytest.mark.usefixtures("shop")
def test_categories_are_a_table_for_people(run: Run) -> None:
    code, out, _ = run("categories", "list")
    lines = [line.split() for line in out.splitlines()[1:]]
    assert (code, lines) == (
        0,
        [["jewellery", "3", "16", "16,000"], ["shirts", "1", "16", "16,000"]],
    )

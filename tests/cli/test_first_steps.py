"""From a file of purchases to an answer: documents on stdout, advice on stderr, exit codes."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from api.process import PREFIX, described
from domain.values import instant
from tests.cli.conftest import END, Run, purchases, write_csv


def test_a_year_of_purchases_becomes_a_served_prediction(deployment: Path, run: Run) -> None:
    file = write_csv(deployment / "purchases.csv", purchases())
    assert run("tables", "create")[0] == 0
    code, out, _ = run("import", str(file), "--json")
    first = json.loads(out)
    assert (code, first["recorded"], first["rejected"]) == (0, 1260, 0)
    assert json.loads(run("import", str(file), "--json")[1])["duplicate"] == 1260

    code, out, err = run("train", "--features", "total_purchase_volume_30d", "--json")
    version = json.loads(out)
    assert (code, version["version"]) == (0, 1)
    assert version["features"] == ["total_purchase_volume_30d"]
    assert version["metrics"]["auc"] > 0.9
    assert "propensity models promote purchase-propensity 1" in err

    assert run("predict", "c0")[0] == 6
    assert run("models", "promote", "purchase-propensity", "1", "--reason", "first")[0] == 0
    arguments = ("predict", "c0", "--as-of", instant.render(END), "--json")
    answer = json.loads(run(*arguments)[1])
    assert answer["features"] == {"total_purchase_volume_30d": 61.5}
    assert answer["model"] == {
        "name": "purchase-propensity",
        "version": 1,
        "revision": 1,
        "arm": "champion",
    }
    assert run(*arguments)[1] == run(*arguments)[1]
    code, out, _ = run("doctor", "--json")
    assert (code, [finding["ok"] for finding in json.loads(out)]) == (0, [True] * 10)


def units(document: dict[str, Any], kind: str) -> tuple[bool, bool]:
    """Whether any units were measured, and whether any were computed."""
    return document[kind]["measured"] > 0, document[kind]["computed"] > 0


@pytest.mark.full
def test_imports_predictions_and_audiences_tell_what_they_cost(deployment: Path, run: Run) -> None:
    file = str(write_csv(deployment / "purchases.csv", purchases()))
    run("tables", "create")
    first = json.loads(run("import", file, "--json")[1])
    assert first["cost"]["round_trips"] > 120  # a transaction per customer, and the category's
    assert units(first["cost"], "write_units") == (True, False)
    assert units(first["cost"], "read_units") == (True, False)  # whether the category is listed
    written = first["cost"]["write_units"]["measured"]
    read = first["cost"]["read_units"]["measured"]
    assert written > 4 * 1260  # twice a unit for each purchase, and one for each of two indexes
    assert first["price_usd"] == pytest.approx(
        (written * 0.625 + read * 0.125) / 1_000_000, abs=1e-6
    )
    again = run("import", file)[1]
    assert "write units: " in again
    assert "at 0.125 USD per million read units and 0.625 USD per million write units" in again

    run("train")
    run("models", "promote", "purchase-propensity", "1", "--reason", "first")
    answer = json.loads(run("predict", "c0", "--json")[1])
    # A new process looks first how long others keep recent purchases.
    assert (answer["cost"]["round_trips"], units(answer["cost"], "read_units")) == (
        1 + 1,
        (True, False),
    )
    assert run("predict", "c0")[1].endswith("(2.0 measured, 0.0 computed)\n")

    arguments = ("audience", "jewellery", "--way", "batch", "--output", "blast.csv", "--json")
    report = json.loads(run(*arguments)[1])
    # As above, and the planner's three; then whether absence means anything, and of each shard the
    # category's item, its list and its batch.
    assert report["round_trips"] == 1 + 3 + 1 + 16 + 16 + 16
    assert (units(report, "read_units"), units(report, "write_units")) == (
        (True, True),
        (False, False),
    )


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("import",), "--sample complete-journey"),
        (("import", "nowhere.csv"), "nowhere.csv"),
        (("import", "--sample", "complete-journey", "x.csv"), "--sample complete-journey"),
        (("predict", "c", "--as-of", "2026-01-01"), "RFC 3339"),
        (("nonsense",), "No such command"),
    ],
)
def test_wrong_input_is_one_line_that_names_the_way_out(
    deployment: Path, run: Run, arguments: tuple[str, ...], advice: str
) -> None:
    assert deployment.exists()
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert advice in err


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version") == (0, f"{version('propensity')}\n", "")


def test_names_stay_whole_in_a_narrow_terminal(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run("settings")
    assert code == 0
    names = {line.split()[0] for line in out.splitlines() if line.startswith("PROPENSITY_")}
    assert names == {PREFIX + name.upper() for name in described()}

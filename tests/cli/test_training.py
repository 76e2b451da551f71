"""Train, on which features, with which tools."""

import csv
import io
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from adapters.feature_sets import built_in_sets
from domain.values import MICROS_PER_DAY, instant
from tests.cli.conftest import END, Run, purchases, write_csv


@pytest.mark.full
def test_a_challenger_is_trained_on_other_features_and_compared(
    deployment: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_RECENT_DAYS", "30")
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", purchases())))
    single = ("--features", "total_purchase_volume_30d")
    assert "PROPENSITY_RECENT_DAYS" not in run("train", *single)[2]
    code, out, err = run("train", "--features", "rfm_90d", "--json")
    challenger = json.loads(out)
    assert (code, len(challenger["features"])) == (0, 9)
    assert set(challenger["intervals"]) == {"auc", "log_loss", "brier", "ece"}
    assert re.search(r"90d.*\b30 .*PROPENSITY_RECENT_DAYS", err)

    name = "purchase-propensity"
    run("models", "promote", name, "1", "--reason", "first")
    compare = ("models", "compare", name, "champion", "2")
    document = json.loads(run(*compare, "--json")[1])
    assert (document["a"]["version"], document["b"]["version"]) == (1, 2)
    assert (document["comparable"], document["incomparable"]) == (True, None)
    assert set(document["differences"]) == {"auc", "log_loss", "brier", "ece"}
    code, out, _ = run(*compare)
    assert code == 0
    assert re.search(r"A .*1.*B .*2", out)
    assert "both judged on the same 120 customers, over 30 days" in out
    assert "  AB  total_purchase_volume_30d" in out
    assert "   B  purchase_count_7d" in out

    run("train", *single, "--horizon-days", "20")
    code, out, _ = run("models", "compare", name, "1", "3")
    assert code == 0
    assert "over 20 days" in out
    assert "no verdict" in out
    assert run("models", "compare", name, "1", "challenger")[0] == 4
    assert run("models", "compare", name, "1", "newest")[0] == 2
    assert run("models", "compare", name, "1", "9")[0] == 4


def test_training_without_purchases_is_refused(deployment: Path, run: Run) -> None:
    assert deployment.exists()
    run("tables", "create")
    code, _, err = run("train")
    assert code == 3
    assert "error: purchases: " in err


@pytest.mark.full
def test_a_model_within_categories_is_trained_explained_and_asked(
    deployment: Path, run: Run
) -> None:
    rows = [[*row[:3], ("jewellery", "shoes")[int(row[1][1:]) % 2], row[4]] for row in purchases()]
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", rows)))
    assert run("train", "--features", "lifetime")[0] == 0
    code, out, err = run("train", "--target", "category", "--json")
    version = json.loads(out)
    assert (code, version["name"], version["version"]) == (0, "category-propensity", 1)
    assert "log1p(purchase_count_ever[target])" in version["features"]
    assert "propensity models card category-propensity 1" in err
    for name in ("purchase-propensity", "category-propensity"):
        assert run("models", "promote", name, "1", "--reason", "first")[0] == 0
    at = ("--as-of", instant.render(END))

    code, out, _ = run("predict", "c0", "--explain", *at)
    assert (code, "base rate of" in out, "log-odds in all" in out) == (0, True, True)
    within = ("predict", "c0", "--model", "category-propensity")
    assert run(*within)[0] == 2
    answer = json.loads(run(*within, "--category", "shoes", *at, "--json")[1])
    assert (answer["category"], answer["model"]["name"]) == ("shoes", "category-propensity")
    _, out, _ = run("audience", "shoes", "--model", "category-propensity", *at)
    members = {row["customer_id"]: row for row in csv.DictReader(io.StringIO(out))}
    assert float(members["c0"]["probability"]) == answer["probability"]

    code, out, _ = run("models", "card", "category-propensity", "1")
    assert (code, out.startswith("# Model category-propensity")) == (0, True)
    page = deployment / "card.html"
    assert run("models", "card", "category-propensity", "1", "--output", str(page))[0] == 0
    assert "<svg" in page.read_text()
    other = ("train", "--target", "category", "--model", "purchase-propensity")
    assert run(*other)[0] == 2
    code, _, err = run("train", "--target", "category", "--features", "lifetime")
    assert (code, "--target anything" in err) == (2, True)


@pytest.mark.full
def test_a_training_set_goes_out_and_a_model_comes_back(deployment: Path, run: Run) -> None:
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", purchases())))
    file, model = deployment / "set.parquet", deployment / "model.skops"
    code, out, _ = run("training-set", "--output", str(file), "--features", "rfm_90d", "--json")
    assert (code, json.loads(out)["rows"] > 120) == (0, True)
    table = pq.read_table(file).to_pandas()
    names = json.loads(out)["features"]
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        table[names].to_numpy(), table.label
    )
    skops.io.dump(fitted, model)
    folder = str(deployment / "candidate")
    package = ("models", "package", str(model), "--training-set", str(file), "--output", folder)
    assert run(*package)[0] == 0
    assert run("models", "register", "purchase-propensity", folder)[0] == 0
    assert run("models", "promote", "purchase-propensity", "1", "--reason", "ours")[0] == 0
    row = table[(table.split == "held_out") & (table.customer_id == "c0")].iloc[0]
    at = instant.render(int(row.cut_off.value // 1_000))
    answer = json.loads(run("predict", "c0", "--as-of", at, "--json")[1])
    assert answer["features"] == {name: row[name] for name in names}
    assert run("predict", "c0", "--explain")[0] == 2


def test_feature_sets_are_shown_and_checked(home: Path, run: Run) -> None:
    shown = json.loads(run("features", "show", "--json")[1])
    assert [each["name"] for each in shown] == list(built_in_sets())
    code, out, _ = run("features", "show", "within_category")
    assert (code, "--target category" in out, "in the category asked about" in out) == (
        0,
        True,
        True,
    )
    file = home / "features.toml"
    file.write_text('[mine]\nfeatures = [{ aggregation = "purchase_count", window = "7d" }]\n')
    assert json.loads(run("features", "check", str(file), "--json")[1])[0]["reads"] == "7d"
    file.write_text('[mine]\n[[mine.features]]\naggregation = "x"\n')
    code, _, err = run("features", "check", str(file))
    assert (code, "line 3" in err) == (2, True)


@pytest.mark.full
def test_a_short_history_is_learnt_from_without_the_longest_windows(
    deployment: Path, run: Run
) -> None:
    rows = [row for row in purchases() if int(row[1][1:]) < 12 or row[1] == "p19"]
    rows = [[*row[:2], instant.render(shortened(row)), *row[3:]] for row in rows]
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", rows)))
    code, out, err = run("train", "--json")
    assert (code, "30d" in json.loads(out)["features"][0]) == (0, True)
    assert "rfm_90d" in err


def shortened(row: list[str]) -> int:
    """When it was bought, but within the last 110 days."""
    return max(instant.parse(row[2]), END - 110 * MICROS_PER_DAY + int(row[0][1:]))

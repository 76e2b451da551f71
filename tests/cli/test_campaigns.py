"""Campaigns on the command line: frozen, exported as often as wanted, measured, and without the erased."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adapters.campaigns import ObjectCampaigns
from tests.cli.conftest import Run, Terminal, interrupted, purchases, write_csv

CREATE = (
    "campaign",
    "create",
    "spring",
    "--category",
    "jewellery",
    "--as-of",
    "2026-05-31T00:00:00Z",
    "--json",
)


@pytest.fixture
def shop(deployment: Path, run: Run) -> Path:
    """A deployment whose customers are scored by a promoted model."""
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", purchases())))
    assert run("train", "--features", "rfm_90d")[0] == 0
    assert run("models", "promote", "purchase-propensity", "1", "--reason", "first")[0] == 0
    return deployment


def of(answer: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = answer
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def ids(path: Path) -> set[str]:
    with path.open(newline="") as file:
        return {row[0] for row in csv.reader(file)} - {"external_id", "customer_id"}


def everything(folder: Path) -> str:
    """All that lies in the folder, and what Parquet makes of it."""
    texts = []
    for path in folder.rglob("*"):
        if path.is_file():
            texts += [str(path), path.read_bytes().decode(errors="replace")]
            if path.suffix == ".parquet":
                texts.append(repr(pq.read_table(path).to_pylist()))
    return "\n".join(texts)


def test_a_campaign_from_its_creation_to_its_result(shop: Path, run: Run) -> None:
    (shop / "stop.txt").write_text("c0\nc2\n\nnobody\n")
    created = of(run(*CREATE, "--holdout", "30%", "--top", "50%", "--suppress", "stop.txt"))
    assert (created["eligible"], created["members"]) == (118, 59)
    assert created["removed"] == {"suppressed": 2}
    assert created["treated"] + created["held_out"] == 59
    assert created["detectable_lift"] is None, "nobody who is sure to buy is lifted"
    assert created["versions"] == {"champion": 1}

    assert run(*CREATE)[0] == 5
    assert of(run("campaign", "show", "spring", "--json")) == created
    assert of(run("campaign", "list", "--json")) == {"campaigns": [created]}
    assert "spring" in run("campaign", "list")[1]
    assert run("campaign", "show", "summer")[0] == 4

    export = ("campaign", "export", "spring", "--format", "braze", "--output")
    assert run(*export, "first.csv")[0] == run(*export, "second.csv")[0] == 0
    first = (shop / "first.csv").read_bytes()
    assert first == (shop / "second.csv").read_bytes()
    assert len(ids(shop / "first.csv")) == created["treated"]
    assert run(*export, "both.csv", "--with-holdout")[0] == 0
    held = ids(shop / "both.holdout.csv")
    assert len(held) == created["held_out"]
    assert not held & ids(shop / "first.csv")
    code, out, _ = run("campaign", "export", "spring")
    assert (code, len(out.splitlines())) == (0, 1 + created["treated"])
    assert run("campaign", "export", "spring", "--format", "klaviyo")[0] == 2
    assert run("campaign", "export", "spring", "--format", "klaviyo", "--output", "k.csv")[0] == 2

    sent = ("campaign", "sent", "spring", "--at")
    assert run(*sent, "2026-05-30T00:00:00Z")[0] == 2
    assert run(*sent, "2026-05-31T08:00:00Z")[0] == 0
    assert run(*sent, "2026-05-31T09:00:00Z")[0] == 5
    assert of(run("campaign", "show", "spring", "--json"))["sent_at"] == "2026-05-31T08:00:00Z"

    results = of(run("campaign", "results", "spring", "--days", "20", "--json"))
    assert (results["begins_at"], results["over"]) == ("2026-05-31T08:00:00Z", True)
    assert (results["treated"], results["held_out"]) == (created["treated"], created["held_out"])
    names = [each["metric"] for each in results["metrics"]]
    assert names == ["conversion_in_category", "conversion", "revenue", "revenue_adjusted"]
    assert results["metrics"][0]["treated"] == 1, "regular customers buy every ten days"
    assert results["metrics"][0]["verdict"] == "not_told_apart"
    assert results["metrics"][0]["difference"]["interval"]["low"] < 0
    assert sum(each["treated"]["customers"] for each in results["uplift"]) == created["treated"]
    text = run("campaign", "results", "spring", "--picture", str(shop / "spring.svg"))[1]
    assert (shop / "spring.svg").read_text().startswith("<svg")
    assert run("campaign", "results", "spring", "--picture", "spring.gif")[0] == 2
    assert "bought in jewellery" in text
    assert list((shop / ".propensity" / "registry").glob("campaigns/spring/results/*.json"))

    code, out, _ = run("audit", "--json")
    acts = [(each["act"], each["name"]) for each in json.loads(out) if each["target"] == "campaign"]
    assert ("create-campaign", "spring") in acts
    assert ("send-campaign", "spring") in acts


@pytest.mark.full
def test_an_erased_customer_leaves_every_campaign_and_its_bytes(shop: Path, run: Run) -> None:
    created = of(run(*CREATE, "--holdout", "0%"))
    place = shop / ".propensity" / "registry" / "campaigns"
    assert "c17'" in everything(place)
    assert created["members"] == 120
    (held,) = of(run("export-customer", "c17"))["campaigns"]
    assert (held["campaign"], held["arm"], held["version"]) == ("spring", "treated", 1)
    code, out, err = run("erase", "c17", "--yes", "--json")
    assert (code, json.loads(out)["campaigns"], "1 member" in err) == (0, "hidden", True)
    assert "c17'" not in everything(place)
    assert of(run("export-customer", "c17"))["campaigns"] == []
    assert run("campaign", "export", "spring", "--output", "all.csv")[0] == 0
    assert ids(shop / "all.csv") == {f"c{n}" for n in range(120)} - {"c17"}
    shown = of(run("campaign", "show", "spring", "--json"))
    assert (shown["members"], shown["erased"]) == (119, 1)
    assert of(run("campaign", "tidy", "--json"))["erasures_left"] == 1


@pytest.mark.full
def test_where_there_is_no_campaign_an_erasure_leaves_nothing_behind(shop: Path, run: Run) -> None:
    assert of(run("erase", "c17", "--yes", "--json"))["campaigns"] == "none"
    assert not (shop / ".propensity" / "registry" / "campaign-erasures").exists()


@pytest.mark.full
def test_an_interrupted_creation_leaves_nothing_that_looks_finished(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = ObjectCampaigns.commit
    monkeypatch.setattr(ObjectCampaigns, "commit", interrupted)
    assert run(*CREATE)[0] == 130
    assert of(run("campaign", "list", "--json")) == {"campaigns": []}
    assert run("campaign", "export", "spring")[0] == 4
    monkeypatch.setattr(ObjectCampaigns, "commit", commit)
    assert of(run(*CREATE))["members"] == 120
    assert shop.exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--top", "0"], "--top"),
        (["--top", "many"], "--top"),
        (["--top", "0%"], "--top"),
        (["--top", "120%"], "--top"),
        (["--holdout", "100%"], "--holdout"),
        (["--holdout", "x"], "--holdout"),
        (["--min-probability", "0.9", "--max-probability", "0.1"], "--min-probability"),
    ],
)
def test_options_that_mean_nothing_are_named(
    home: Path, run: Run, options: list[str], named: str
) -> None:
    assert home.exists()
    code, _, err = run(*CREATE, *options)
    assert (code, named in err) == (2, True)


def test_a_name_that_is_none_is_refused(home: Path, run: Run) -> None:
    assert home.exists()
    assert run("campaign", "create", "Spring Sale", "--category", "jewellery")[0] == 2


@pytest.mark.full
def test_a_suppression_list_that_cannot_be_read_is_named(shop: Path, run: Run) -> None:
    code, _, err = run(*CREATE, "--suppress", "missing.txt")
    assert (code, "missing.txt" in err) == (2, True)
    (shop / "latin.txt").write_bytes(b"c1\n\xe9\n")
    code, _, err = run(*CREATE, "--suppress", "latin.txt")
    assert (code, "line 2" in err) == (2, True)
    assert of(run("campaign", "list", "--json")) == {"campaigns": []}


@pytest.mark.full
def test_a_campaign_is_deleted_once_its_name_is_typed(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(run(*CREATE))
    assert run("campaign", "delete", "summer", "--yes")[0] == 4
    code, _, err = run("campaign", "delete", "spring")
    assert (code, "--yes" in err) == (2, True), "nobody can be asked"
    monkeypatch.setattr(sys, "stdin", Terminal("sprung\n"))
    assert run("campaign", "delete", "spring")[0] == 2
    assert run("campaign", "show", "spring")[0] == 0
    monkeypatch.setattr(sys, "stdin", Terminal("spring\n"))
    assert run("campaign", "delete", "spring")[0] == 0
    assert run("campaign", "show", "spring")[0] == 4
    assert run(*CREATE)[0] == 5, "its name is never free again"
    place = shop / ".propensity" / "registry" / "campaigns" / "spring"
    assert [path.name for path in place.rglob("*") if path.is_file()] == ["deleted.json"]
    acts = [each["act"] for each in json.loads(run("audit", "--json")[1])]
    assert "delete-campaign" in acts

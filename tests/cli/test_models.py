"""The registry from the command line."""

import json
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from api.composition import presence_only
from api.process import load_settings
from domain.drift import Reference, tally_of
from domain.features import total_purchase_volume_30d
from domain.prediction import Traffic
from model_registry.serving import AskedDays, ShadowReport
from model_registry.serving.asked import day_of, rendered
from model_registry.versions import encode_reference
from tests.builders import USD, a_served_model
from tests.cli.conftest import Run, purchases, write_csv
from tests.fakes import SaturatingScorer


def test_the_registry_is_steered_from_the_command_line(deployment: Path, run: Run) -> None:
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", purchases())))
    name = "purchase-propensity"
    run("models", "register", name, str(trained_elsewhere(deployment)))
    run("train")
    run("models", "promote", name, "1", "--reason", "first")
    assert run("models", "promote", name, "2", "--reason", "late", "--expect", "0")[0] == 5
    run("models", "promote", name, "2", "--reason", "better", "--expect", "1")
    assert json.loads(run("models", "rollback", name, "--reason", "worse", "--json")[1]) == {
        **json.loads(run("models", "history", name, "--json")[1])[-1],
        "action": "rollback",
        "champion": 1,
        "revision": 3,
    }
    listed = json.loads(run("models", "list", "--json")[1])
    assert [(row["version"], row["serves_as"]) for row in listed] == [(1, "champion"), (2, None)]
    shown = json.loads(run("models", "show", name, "2", "--json")[1])
    assert shown["metrics"]["parity_max_abs_difference"] <= 1e-6
    assert sum(row["count"] for row in shown["calibration"]) == 120
    assert run("models", "show", name, "7")[0] == 4
    assert run("models", "promote", name, "1", "--reason", " ")[0] == 2
    for command in (("models", "list"), ("models", "show", name, "1"), ("models", "history", name)):
        assert run(*command)[0] == 0


ELSEWHERE: dict[str, object] = {
    "scorer": {"kind": "constant", "options": {"probability": 0.25, "width": 1}},
    "files": {},
    "features": "total_purchase_volume_30d",
    "horizon_days": 30,
    "matrix": [[0.0], [12.5]],
    "probabilities": [0.25, 0.25],
    "metrics": {"log_loss": 0.5, "base_rate_log_loss": 0.6},
}


def trained_elsewhere(home: Path) -> Path:
    """A folder with a candidate."""
    folder = home / "elsewhere"
    folder.mkdir()
    (folder / "candidate.json").write_text(json.dumps(ELSEWHERE))
    return folder


def test_who_serves_what_and_what_is_damaged_is_told_on_the_command_line(
    home: Path, run: Run
) -> None:
    name = "purchase-propensity"
    run("models", "register", name, str(trained_elsewhere(home)))
    promote = ("models", "promote", name, "1", "--reason", "why", "--wait", "--timeout", "0")
    code, _, err = run(*promote)
    assert (code, "purchase-propensity" in err) == (6, True)

    presence = presence_only(load_settings())
    model = a_served_model(SaturatingScorer())
    presence.publish(name, "host-1", traffic=Traffic(champion=model), problems=[])
    code, out, _ = run("models", "status", name, "--json")
    status = json.loads(out)
    assert (code, status["revision"], status["converged"]) == (0, 1, True)
    assert [told["process"] for told in status["processes"]] == ["host-1"]

    code, _, err = run(*promote)
    assert code == 6
    assert re.search(r"host-1 .*1.*2", err)
    code, out, err = run("models", "status", name)
    assert (code, "host-1" in out, "behind: 1" in err) == (1, True, True)
    presence.publish(
        name, "host-1", traffic=Traffic(champion=replace(model, revision=3)), problems=[]
    )
    code, _, err = run(*promote)
    assert (code, bool(re.search(r"\b1$", err, re.MULTILINE))) == (0, True)
    report = ShadowReport(
        shadow=2, answered_by=1, count=4, failed=1, changed=3, difference_sum=-0.3, problem="odd"
    )
    served = Traffic(champion=replace(model, revision=3))
    presence.publish(name, "host-1", traffic=served, problems=[], shadows=[report])
    said = run("models", "status", name)[2]
    assert "shadow 2 beside version 1: answers 4, failed 1, skipped 0; mean difference -0.1" in said
    assert "decisions changed 100.0%, rank agreement all tied; odd" in said

    assert run("models", "verify")[0] == 0
    (manifest,) = (home / ".propensity" / "registry").rglob("000001.json")
    manifest.write_bytes(manifest.read_bytes()[:-1])
    code, out, err = run("models", "verify", name, "--json")
    assert code == 7
    (finding,) = json.loads(out)[name]["findings"]
    assert finding["key"] == f"models/{name}/versions/000001.json"
    assert finding["key"] in err
    manifest.unlink()
    code, out, _ = run("models", "verify", "--json")
    assert (code, json.loads(out)[name]["versions"]) == (7, 0)


def test_a_model_trained_elsewhere_is_registered_split_and_shadowed(home: Path, run: Run) -> None:
    folder = trained_elsewhere(home)
    for number in (1, 2, 3):
        code, out, err = run("models", "register", "elsewhere", str(folder), "--json")
        assert (code, json.loads(out)["version"]) == (0, number)
        assert f"propensity models promote elsewhere {number}" in err
    split = ("models", "split", "elsewhere", "2", "--share", "5%", "--reason", "try")
    assert run(*split)[0] == 4
    run("models", "promote", "elsewhere", "1", "--reason", "first")
    code, out, _ = run(*split, "--expect", "1")
    assert (code, bool(re.search(r"challenger .*2 .*5\.00%", out))) == (0, True)
    assert run(*split, "--expect", "1")[0] == 5
    assert run("models", "split", "elsewhere", "2", "--share", "7", "--reason", "try")[0] == 2
    code, out, _ = run("models", "shadow", "elsewhere", "3", "--reason", "watch", "--json")
    assert (code, json.loads(out)["shadows"]) == (0, [3])
    listed = json.loads(run("models", "list", "elsewhere", "--json")[1])
    assert [row["serves_as"] for row in listed] == ["champion", "challenger", "shadow"]
    ended = run("models", "shadow", "elsewhere", "--reason", "enough", "--json")[1]
    assert json.loads(ended)["shadows"] == []
    assert run("models", "rollback", "elsewhere", "--reason", "x", "--expect", "1")[0] == 5
    back = run("models", "rollback", "elsewhere", "--reason", "x", "--json")[1]
    assert json.loads(back)["challenger"] is None
    assert "1, 2: 0.05" in run("models", "history", "elsewhere")[1]

    for wrong, field in (
        ({"features": "other"}, "features"),
        ({"files": {"model": "../secret"}}, "files"),
        ({"files": {"model": "model.onnx"}}, "model.onnx"),
        ({"probabilities": [0.25]}, "matrix, probabilities"),
        ({"horizon": 3}, "horizon"),
    ):
        (folder / "candidate.json").write_text(json.dumps(ELSEWHERE | wrong))
        code, _, err = run("models", "register", "elsewhere", str(folder))
        assert (code, field in err) == (2, True), err


@pytest.mark.full
def test_a_report_is_one_page_beside_the_champion(home: Path, run: Run) -> None:
    folder = trained_elsewhere(home)
    for _ in range(2):
        run("models", "register", "elsewhere", str(folder))
    page = home / "report.html"
    report = ("models", "report", "elsewhere")
    assert run(*report, "2", "--output", str(page))[0] == 0
    assert "beside" not in page.read_text()
    run("models", "promote", "elsewhere", "1", "--reason", "first")
    assert run(*report, "2", "--output", str(page))[0] == 0
    assert "Shown beside version 1" in page.read_text()
    assert run(*report, "champion", "--output", str(page))[0] == 0
    assert "beside" not in page.read_text()
    assert run(*report, "champion", "--beside", "2", "--output", str(page))[0] == 0
    assert "Shown beside version 2" in page.read_text()
    assert run(*report, "7", "--output", str(page))[0] == 4
    assert run(*report, "1", "--output", str(home / "nowhere" / "report.html"))[0] == 2


def test_a_model_that_does_not_score_its_golden_vectors_is_not_registered(
    home: Path, run: Run
) -> None:
    folder = trained_elsewhere(home)
    wrong = ELSEWHERE | {"probabilities": [0.25, 0.26]}
    (folder / "candidate.json").write_text(json.dumps(wrong))
    code, _, err = run("models", "register", "elsewhere", str(folder))
    assert (code, "golden" in err) == (3, True)
    assert run("models", "list", "elsewhere")[0] == 4


@pytest.mark.parametrize("kind", ["empty", "pickled", "foreign", "a link", "a folder"])
def test_a_file_that_is_no_model_is_refused_by_its_name(home: Path, run: Run, kind: str) -> None:
    folder = trained_elsewhere(home)
    options = {"input": "x", "output": "p", "column": 1, "dtype": "float64"}
    onnx = {"scorer": {"kind": "onnx", "options": options}, "files": {"model": "model.onnx"}}
    (folder / "candidate.json").write_text(json.dumps(ELSEWHERE | onnx))
    model = folder / "model.onnx"
    if kind == "a link":
        model.symlink_to(folder / "candidate.json")
    elif kind == "a folder":
        model.mkdir()
    else:
        content = {"empty": b"", "pickled": pickle.dumps({"a": 1}), "foreign": b"\x89HDF\r\n\x1a\n"}
        model.write_bytes(content[kind])
    code, _, err = run("models", "register", "elsewhere", str(folder))
    assert code == (3 if kind == "foreign" else 2)
    assert "model" in err
    assert not list((home / ".propensity").rglob("blobs/*/*"))


def test_drift_is_told_on_the_command_line(home: Path, run: Run) -> None:
    name = "purchase-propensity"
    features = total_purchase_volume_30d(USD)
    spent = np.arange(300.0).reshape(-1, 1)
    reference = Reference.of(features, spent, np.linspace(0, 1, 300), np.arange(300))
    folder = trained_elsewhere(home)
    described = ELSEWHERE | {"reference": json.loads(encode_reference(reference))}
    (folder / "candidate.json").write_text(json.dumps(described))
    run("models", "register", name, str(folder))
    run("models", "promote", name, "1", "--reason", "why")
    assert "0 customers" in run("models", "drift", name)[1]

    presence = presence_only(load_settings())
    days, today = AskedDays(store=presence.store), day_of(presence.clock())
    doubled = reference.codes(np.column_stack([spent * 2, np.linspace(0, 1, 300)]))
    days.put(name, 1, today, process="host-1", tally=tally_of(doubled))
    days.put(name, 1, today - 7, process="host-1", tally=tally_of(doubled))
    days.put(name, 1, today - 9, process="host-1", tally=reference.tally)
    code, out, err = run("models", "drift", name)
    assert code == 1
    assert "in total_purchase_volume_30d (300 customers)" in err
    heading, first, second = out.splitlines()  # each row is one line, whatever its width
    assert heading.split() == "input stability index distance missing then now drift".split()
    assert (first.split()[0], first.split()[-1]) == ("total_purchase_volume_30d", "*")
    assert second.split()[0] == "score"
    told = json.loads(run("models", "drift", name, "1", "--json")[1])
    assert (told["state"], told["day"]) == ("drift", rendered(today))
    assert told["inputs"][0]["population_stability"]["drifted"] is True
    assert told["inputs"][1]["drifted"] is False
    assert run("models", "drift", name, "--against", rendered(today - 7))[0] == 0
    assert run("models", "drift", name, "--day", rendered(today - 9))[0] == 0
    assert run("models", "drift", name, "--day", "yesterday")[0] == 2
    assert "drift of version 1" in run("models", "status", name)[2]

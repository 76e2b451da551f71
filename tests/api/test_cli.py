"""The command line: documents on stdout, advice on stderr, exit codes for scripts."""

import csv
import io
import json
import pickle
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from adapters.clock import SystemClock
from adapters.dynamodb import DynamoPurchaseRecorder, DynamoTables
from adapters.embedded import EmbeddedEngine
from adapters.feature_sets import built_in_sets
from adapters.listening import free_port
from api.cli import main
from api.cli.refused_rows import RefusedRows
from api.composition import application, presence_only
from api.process import PREFIX, described, load_settings
from domain.categories import Position
from domain.customers import EveryCustomer
from domain.errors import StoreUnavailable
from domain.prediction import Traffic
from domain.purchases import Outcome, RawRow, RefusedRow
from domain.values import MICROS_PER_DAY, instant
from model_registry.serving import ShadowReport
from tests.builders import a_served_model
from tests.conftest import dynamo_client
from tests.fakes import SaturatingScorer

Run = Callable[..., tuple[int, str, str]]
END = instant.parse("2026-06-30T00:00:00Z")
COLUMNS = ["customer_id", "purchase_id", "purchased_at", "category", "amount"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command in this process: exit code, stdout, stderr."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return run_command


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command gives up because the machine is busy."""
    monkeypatch.setenv("PROPENSITY_READ_TIMEOUT_S", "20")
    monkeypatch.setenv("PROPENSITY_READ_DEADLINE_S", "30")


@pytest.fixture
def deployment(home: Path, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and a prefix for tables on the embedded engine."""
    client = dynamo_client(None)
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{engine.port}")
    monkeypatch.setenv("PROPENSITY_TABLE_PREFIX", client.options.table_prefix)
    be_patient(monkeypatch)
    client.close()
    return home


def purchases(customers: int = 120) -> list[list[str]]:
    """Half of the customers buy every ten days and more each time, half bought once long ago."""
    rows = []
    for customer in range(customers):
        regular = customer % 2 == 0
        for step in range(20) if regular else (19,):
            at = END - step * 10 * MICROS_PER_DAY - customer * 1_000_000
            amount = f"{20 + customer % 7}.50"
            rows.append([f"c{customer}", f"p{step}", instant.render(at), "jewellery", amount])
    return rows


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


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
    assert (code, [finding["ok"] for finding in json.loads(out)]) == (0, [True] * 8)


def units(document: dict[str, Any], kind: str) -> tuple[bool, bool]:
    """Whether any units were measured, and whether any were computed."""
    return document[kind]["measured"] > 0, document[kind]["computed"] > 0


def test_imports_predictions_and_audiences_tell_what_they_cost(deployment: Path, run: Run) -> None:
    file = str(write_csv(deployment / "purchases.csv", purchases()))
    run("tables", "create")
    first = json.loads(run("import", file, "--json")[1])
    assert first["cost"]["round_trips"] > 120  # a transaction per customer, and the category's
    assert units(first["cost"], "write_units") == (True, False)
    assert units(first["cost"], "read_units") == (False, False)
    written = first["cost"]["write_units"]["measured"]
    assert written > 4 * 1260  # twice a unit for each purchase, and one for each of two indexes
    assert first["price_usd"] == pytest.approx(written * 0.625 / 1_000_000)
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
    # As above, and the planner's three; then whether absence means anything, and each shard's list
    # and its batch.
    assert report["round_trips"] == 1 + 3 + 1 + 16 + 16
    assert (units(report, "read_units"), units(report, "write_units")) == (
        (True, True),
        (False, False),
    )


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


def test_refused_rows_are_in_a_file_with_their_reasons(deployment: Path, run: Run) -> None:
    good, *rest = purchases(2)
    bad = [
        ["c9", "p1", "2026-01-01", "shirts", "1.00"],
        ["c9", *good[1:4], "-5"],
        [*good[:4], "9999"],
    ]
    file = write_csv(deployment / "mixed.csv", [good, *bad, *rest])
    run("tables", "create")
    code, out, err = run("import", str(file), "--json")
    counts = json.loads(out)
    assert code == 1
    assert (counts["recorded"], counts["rejected"], counts["conflict"]) == (21, 2, 1)
    refused = [json.loads(line) for line in Path(counts["refused_rows"]).read_text().splitlines()]
    assert [(row["row"], row["field"]) for row in refused] == [
        (3, "purchased_at"),
        (5, "purchase_id"),
        (4, "refund_of"),
    ]
    assert counts["refused_rows"] in err


def test_an_import_without_tables_says_so_and_goes_once_they_are_there(
    deployment: Path, run: Run
) -> None:
    file = write_csv(deployment / "purchases.csv", purchases(4))
    code, _, err = run("import", str(file))
    assert (code, "purchases" in err) == (8, True)
    run("tables", "create")
    assert run("import", str(file))[0] == 0


def bad_file(folder: Path) -> Path:
    """A file of which every row is refused."""
    return write_csv(folder / "bad.csv", [["c", "p", "yesterday", "shirts", "1.00"], ["short"]])


def refused_files(home: Path) -> list[Path]:
    return sorted((home / ".propensity" / "rejected").iterdir())


def test_an_import_never_writes_over_a_file_that_is_there(deployment: Path, run: Run) -> None:
    run("tables", "create")
    file = bad_file(deployment)
    before = file.read_bytes()
    other = deployment / "other.txt"
    other.write_text("precious")
    for target in (file, other):
        code, _, err = run("import", str(file), "--rejected", str(target))
        assert (code, str(target) in err) == (2, True)
    assert (file.read_bytes(), other.read_text()) == (before, "precious")


def test_refused_rows_of_two_imports_at_once_go_to_two_files(tmp_path: Path) -> None:
    one = RefusedRow(
        row=RawRow(number=1, raw=None, progress=1), outcome=Outcome.REJECTED, field="f", reason="r"
    )
    first, second = (RefusedRows(tmp_path / "refused.ndjson") for _ in range(2))
    with first, second:
        first(one)
        second(one)
        second(one)
    assert second.path == tmp_path / "refused.ndjson"
    assert first.path == tmp_path / "refused.2.ndjson"
    assert [len(path.read_text().splitlines()) for path in sorted(tmp_path.iterdir())] == [1, 2]


def test_the_default_file_of_refused_rows_is_named_by_the_start(deployment: Path, run: Run) -> None:
    run("tables", "create")
    path = json.loads(run("import", str(bad_file(deployment)), "--json")[1])["refused_rows"]
    assert re.fullmatch(r"\.propensity/rejected/bad\.csv\.\d{8}T\d{6}Z\.ndjson", path)
    dated, short = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert (dated["raw"]["customer_id"], dated["text"]) == ("c", None)
    assert (short["raw"], short["text"]) == (None, "short")


def test_without_refused_rows_there_is_no_file_of_them(deployment: Path, run: Run) -> None:
    run("tables", "create")
    file = write_csv(deployment / "purchases.csv", purchases(2))
    assert json.loads(run("import", str(file), "--json")[1])["refused_rows"] is None
    assert refused_files(deployment) == []


def test_a_folder_that_cannot_hold_refused_rows_is_named(deployment: Path, run: Run) -> None:
    run("tables", "create")
    file = bad_file(deployment)
    code, _, err = run("import", str(file), "--rejected", f"{file}/refused.ndjson")
    assert (code, str(file) in err) == (2, True)


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def silent(*_: object, **__: object) -> None:
    raise StoreUnavailable("no answer")


@pytest.mark.parametrize(("trouble", "expected"), [(interrupted, 130), (silent, 6)])
def test_a_stopped_import_says_that_it_may_simply_run_again(
    deployment: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[..., None],
    expected: int,
) -> None:
    run("tables", "create")
    # One customer: Ctrl-C interrupts one task, once.
    file = write_csv(deployment / "purchases.csv", purchases(1))
    with monkeypatch.context() as patch:
        patch.setattr(DynamoPurchaseRecorder, "record", trouble)
        code, out, err = run("import", str(file))
    assert (code, out) == (expected, "")
    assert re.search(r"\b0 rows", err)
    assert refused_files(deployment) == []
    assert run("import", str(file))[0] == 0


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


def test_training_without_purchases_is_refused(deployment: Path, run: Run) -> None:
    assert deployment.exists()
    run("tables", "create")
    code, _, err = run("train")
    assert code == 3
    assert "error: purchases: " in err


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
    monkeypatch.delenv("PROPENSITY_PURCHASE_RETENTION_DAYS")
    assert "PROPENSITY_PURCHASE_RETENTION_DAYS" in run("tables", "check")[2]
    assert "PROPENSITY_PURCHASE_RETENTION_DAYS" in run("doctor", "--json")[1]


def test_a_doctor_without_an_engine_names_each_fix(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    code, out, _ = run("doctor", "--json")
    findings: list[dict[str, Any]] = json.loads(out)
    assert code == 1
    assert [finding["ok"] for finding in findings] == [True, *[False] * 4, *[True] * 3]
    assert "propensity db start" in findings[1]["fix"]
    assert all(finding["fix"] for finding in findings if not finding["ok"])


def test_settings_are_printed_with_secrets_masked(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".env").write_text("PROPENSITY_CURRENCY=JPY\nOTHER_PROGRAM=1\n")
    monkeypatch.setenv("PROPENSITY_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("PROPENSITY_SECRET_ACCESS_KEY", "hunter2")
    code, out, _ = run("settings", "--json")
    assert (code, json.loads(out)["currency"]) == (0, "JPY")
    assert "hunter2" not in out + run("settings")[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROPENSITY_CURENCY", "USD"),
        ("PROPENSITY_CURRENCY", "usd"),
        ("PROPENSITY_PORT", "eighty"),
        ("PROPENSITY_DYNAMODB_ENDPOINT", "localhost:8001"),
        ("PROPENSITY_DYNAMODB_ENDPOINT", "http://127.0.0.1:99999"),
        ("PROPENSITY_BANNER_MIN_PROBABILITY", "1.5"),
    ],
)
def test_a_wrong_setting_is_named(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert home.exists()
    monkeypatch.setenv(name, value)
    code, _, err = run("settings")
    assert code == 2
    assert name in err


def test_a_port_in_use_is_named_with_the_way_out(
    deployment: Path, engine: EmbeddedEngine, run: Run
) -> None:
    assert deployment.exists()
    code, _, err = run("serve", "--port", str(engine.port))
    assert code == 2
    assert f"--port {engine.port + 10}" in err


def test_the_engine_is_started_and_stopped_and_keeps_its_data(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    be_patient(monkeypatch)
    assert json.loads(run("db", "status", "--json")[1])["running"] is False
    assert json.loads(run("db", "start", "--json")[1])["started"] is True
    try:
        assert json.loads(run("db", "start", "--json")[1])["started"] is False
        assert "recent_purchases" in run("tables", "create")[1]
        assert json.loads(run("db", "stop", "--json")[1])["stopped"] is True
        run("db", "start")
        assert run("tables", "check")[0] == 0
    finally:
        run("db", "stop")
    assert json.loads(run("db", "status", "--json")[1])["running"] is False


def test_an_engine_of_another_folder_is_not_used(
    home: Path, engine: EmbeddedEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{engine.port}")
    code, _, err = run("db", "start")
    assert (code, f"127.0.0.1:{engine.port + 1}" in err) == (6, True)
    assert run("demo", "--port", str(free_port()))[0] == 6
    assert json.loads(run("db", "status", "--json")[1])["running"] is False
    assert f":{engine.port}" in run("db", "status")[1]
    assert json.loads(run("db", "stop", "--json")[1])["stopped"] is False
    assert engine.answers


@pytest.fixture
def own_engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedEngine]:
    """The engine of an empty home folder, not started yet."""
    own = EmbeddedEngine(home / ".propensity" / "engine", free_port())
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{own.port}")
    yield own
    own.stop()


@pytest.mark.parametrize("runs_before", [False, True])
def test_an_interrupted_demo_stops_only_what_it_started(
    own_engine: EmbeddedEngine, run: Run, monkeypatch: pytest.MonkeyPatch, runs_before: bool
) -> None:
    if runs_before:
        own_engine.start()
    monkeypatch.setattr(DynamoTables, "create", interrupted)
    assert run("demo", "--port", str(free_port()))[0] == 130
    assert own_engine.answers == runs_before


def test_a_demo_interrupted_as_its_engine_comes_up_stops_it(
    own_engine: EmbeddedEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = EmbeddedEngine.start

    def start_and_interrupt(engine: EmbeddedEngine) -> bool:
        assert start(engine)
        raise KeyboardInterrupt

    monkeypatch.setattr(EmbeddedEngine, "start", start_and_interrupt)
    assert run("demo", "--port", str(free_port()))[0] == 130
    assert not own_engine.answers


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
    for command in (("tables", "check"), ("serve",), ("import", str(deployment / "purchases.csv"))):
        code, _, err = run(*command)
        assert (code != 0, "propensity rebuild" in err) == (True, True), command
    found = {each["check"]: each for each in json.loads(run("doctor", "--json")[1])}
    assert "then: propensity rebuild" in found["tables"]["fix"]
    assert run("rebuild")[0] == 0
    assert run("tables", "check")[0] == 0
    assert run("verify", "--all")[0] == 0


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

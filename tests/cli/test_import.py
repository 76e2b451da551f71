"""Imports, and the rows that are refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.dynamodb import DynamoPurchaseRecorder
from api.cli.refused_rows import RefusedRows
from domain.errors import StoreUnavailable
from domain.purchases import Outcome, RawRow, RefusedRow
from tests.cli.conftest import Run, interrupted, purchases, write_csv


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

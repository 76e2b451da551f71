"""The import over several processes: of this machine, or a Dask cluster that loses some."""

from pathlib import Path

from tests.cli.conftest import Run, purchases, write_csv


def test_two_processes_import_what_one_imports(deployment: Path, run: Run) -> None:
    good, *rest = purchases(60)
    bad = [
        ["c9", "p1", "2026-01-01", "shirts", "1.00"],
        ["c9", *good[1:4], "-5"],
        [*good[:4], "9999"],
    ]
    file = write_csv(deployment / "mixed.csv", [good, *bad, *rest])
    run("tables", "create")
    code, out, err = run(
        "import", str(file), "--workers", "2", "--parts", str(deployment / "parts"), "--json"
    )
    print(out, err)
    code, out, err = run(
        "import", str(file), "--workers", "2", "--parts", str(deployment / "parts"), "--json"
    )
    print(out, err)
    code, out, err = run(
        "import",
        str(file),
        "--workers",
        "2",
        "--parts",
        str(deployment / "parts"),
        "--kind",
        "refunds",
    )
    print(out, err)
    assert 0

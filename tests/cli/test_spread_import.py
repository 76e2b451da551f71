"""The import over several processes: of this machine, or a Dask cluster that loses some."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from adapters.workers import DaskWorkers
from api.composition import application, import_parts, import_results
from api.entry.import_partitions import PartitionJob
from api.process import load_settings
from domain.errors import StoreUnavailable
from domain.purchases import (
    Conventions,
    Loaded,
    LoadPartitions,
    Outcome,
    Partition,
    PartitionPurchases,
    partitioning,
)
from tests.cli.conftest import Run, purchases, write_csv
from tests.dask_cluster import dask_cluster, misfortune
from tests.doubles.memory import MemoryPurchaseSource


def a_file(folder: Path) -> Path:
    """Purchases, a refund of one, and some rows that are refused, one of them twice in the file."""
    good, *rest = purchases(60)
    customer, _, at, category, _ = good
    odd = [
        ["c9", "p1", "2026-01-01", "shirts", "1.00"],
        ["short"],
        [customer, "r1", at, category, "-1.00"],
        [*good[:4], "9999"],
        good,
    ]
    return write_csv(folder / "mixed.csv", [good, *odd, *rest])


@pytest.fixture
def small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several partitions for a few rows."""
    monkeypatch.setattr(partitioning, "LEAST_ROWS_EACH", 50)


@pytest.fixture
def shop(deployment: Path, run: Run, small_partitions: None) -> Path:
    """Empty tables."""
    assert small_partitions is None
    run("tables", "create")
    return deployment


def document(out: str) -> dict[str, Any]:
    return dict(json.loads(out))


def refused(document: dict[str, Any]) -> list[dict[str, Any]]:
    lines = Path(document["refused_rows"]).read_text().splitlines()
    return sorted(map(json.loads, lines), key=lambda row: int(row["row"]))


def outcomes(document: dict[str, Any]) -> dict[str, int]:
    return {each: document[each] for each in ("rows", *Outcome)}


@pytest.mark.full
def test_two_processes_import_what_one_imports(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(a_file(shop))
    one_code, out, _ = run("import", file, "--json")
    one = document(out)
    with monkeypatch.context() as patch:
        patch.setenv("PROPENSITY_TABLE_PREFIX", "other-" + load_settings().table_prefix)
        run("tables", "create")
        two_code, out, err = run("import", file, "--json", "--workers", "2")
        two = document(out)
        assert run("verify", "--all")[0] == 0
        again = document(run("import", file, "--json")[1])
    assert (two_code, outcomes(two)) == (one_code, outcomes(one)) == (1, outcomes(two))
    assert refused(two) == refused(one)
    rows = [json.loads(line)["row"] for line in Path(two["refused_rows"]).read_text().splitlines()]
    assert rows == sorted(rows)
    assert two["cost"].keys() == one["cost"].keys()
    assert two["cost"]["round_trips"] > 20
    assert two.keys() == one.keys()
    assert again["recorded"] == 0
    assert str(two["refused_rows"]) in err
    assert list(shop.glob("import*")) == []  # the parts were temporary


def stopping(after: int, what: Callable[[], BaseException]) -> Callable[..., Any]:
    """What LoadPartitions does until so many partitions are done; then that comes."""
    loads = LoadPartitions.__call__

    async def load(self: LoadPartitions, manifest: Any, *, on_progress: Any) -> Any:
        told = 0

        def progress(state: Any) -> None:
            nonlocal told
            on_progress(state)
            told += 1
            if told == after:
                raise what()

        return await loads(self, manifest, on_progress=progress)

    return load


@pytest.mark.full
def test_an_interrupted_import_goes_on_where_it_stopped(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, parts = str(a_file(shop)), str(shop / "parts")
    command = ("import", file, "--json", "--workers", "2", "--parts", parts)
    with monkeypatch.context() as patch:
        patch.setattr(LoadPartitions, "__call__", stopping(2, KeyboardInterrupt))
        code, out, err = run(*command)
    assert (code, out) == (130, "")
    assert "--parts" in err
    done = len(list((shop / "parts").glob("import/done/*")))
    assert done >= 2
    code, out, err = run(*command)
    finished = document(out)
    manifest = import_parts(parts).manifest()
    assert manifest is not None
    total = len(manifest.partitions)
    assert total > 5
    assert f"{done} of {total} partitions" in err
    # What a worker had recorded of a partition when it was stopped is a duplicate.
    assert finished["recorded"] + finished["duplicate"] == finished["rows"] - 4
    assert [row["row"] for row in refused(finished)] == [3, 4, 6, 7]
    code, again, err = run(*command)
    assert outcomes(document(again)) == outcomes(finished)
    assert (code, f"{total} of {total} partitions" in err) == (1, True)
    assert document(run("import", file, "--json")[1])["recorded"] == 0
    assert run("verify", "--all")[0] == 0


@pytest.mark.full
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda file: file.write_text(file.read_text() + "\n"), "FILE"),
        (lambda _: ["--timezone", "Europe/Berlin"], "--timezone"),
        (lambda _: ["--ids-as-written"], "--ids-as-written"),
        (lambda _: ["--order-lines"], "--order-lines"),
    ],
)
def test_another_file_or_another_option_does_not_go_on_with_it(
    shop: Path, run: Run, change: Callable[[Path], Any], named: str
) -> None:
    file = a_file(shop)
    command = ("import", str(file), "--workers", "1", "--parts", str(shop / "parts"))
    assert run(*command)[0] == 1
    options = change(file)
    code, out, err = run(*command, *(options if isinstance(options, list) else ()))
    assert (code, out) == (2, "")
    assert "--parts" in err
    assert named in err


@pytest.mark.full
def test_tables_that_were_created_again_are_not_taken_for_those_that_were_filled(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("import", str(a_file(shop)), "--workers", "1", "--parts", str(shop / "parts"))
    assert run(*command)[0] == 1
    with application(load_settings()) as built:
        built.client.purchases.delete_table()
    run("tables", "create")
    code, _, err = run(*command)
    assert (code, "table" in err) == (2, True)
    monkeypatch.setenv("PROPENSITY_TABLE_PREFIX", "other-" + load_settings().table_prefix)
    run("tables", "create")
    assert run(*command)[0] == 2


@pytest.mark.full
def test_a_partition_that_cannot_be_finished_is_named_and_the_others_are_done(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, parts = str(a_file(shop)), str(shop / "parts")
    command = ("import", file, "--workers", "1", "--parts", parts)
    with monkeypatch.context() as patch:
        patch.setattr(PartitionJob, "of", silent_about_the_first)
        code, out, err = run(*command)
    assert (code, out) == (6, "")
    assert "no answer about 0" in err
    assert "--parts" in err
    code, out, err = run(*command, "--json")
    assert (code, document(out)["recorded"]) == (1, document(out)["rows"] - 4)


@dataclass(frozen=True)
class SilentAboutTheFirst:
    """A job that finds the store silent about one partition, in whichever process."""

    job: PartitionJob

    def __call__(self, partition: Partition) -> Loaded:
        if partition.number == 0:
            raise StoreUnavailable("no answer about 0")
        return self.job(partition)


_of = PartitionJob.of


def silent_about_the_first(*args: Any, **kwargs: Any) -> SilentAboutTheFirst:
    return SilentAboutTheFirst(_of(*args, **kwargs))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "--scheduler"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--parts"),
        (["--parts", "parts"], "--workers"),
        (["--workers", "2", "--dry-run"], "--dry-run"),
    ],
)
def test_options_that_do_not_go_together_are_named(
    home: Path, run: Run, options: list[str], named: str
) -> None:
    file = write_csv(home / "purchases.csv", purchases(1))
    code, _, err = run("import", str(file), *options)
    assert (code, named in err) == (2, True)


def test_the_sample_needs_no_workers(home: Path, run: Run) -> None:
    assert home.exists()
    sample = ("import", "--sample", "complete-journey", "--households", "1")
    code, _, err = run(*sample, "--workers", "1")
    assert (code, "--sample" in err) == (2, True)


@pytest.mark.full
def test_on_dask_every_row_is_imported_once_whoever_is_killed(shop: Path) -> None:
    settings = load_settings()
    conventions = Conventions(default_currency=True)
    rows = [
        dict(zip(("customer_id", "purchase_id", "purchased_at", "category"), row[:4], strict=True))
        | {"amount_minor": 100}
        for row in purchases(400)
    ]
    source = MemoryPurchaseSource([*rows, {"customer_id": "c1"}])
    for seed in range(3):
        parts, over = str(shop / f"parts-{seed}"), threading.Event()
        partition = PartitionPurchases(parts=import_parts(parts))
        manifest = partition(source, of={}, on_progress=lambda _: None)
        mine = structs.replace(settings, table_prefix=f"{settings.table_prefix}{seed}-")
        with application(mine, batch=True) as built:
            built.tables.create()
        with dask_cluster(shop) as cluster:
            load = LoadPartitions(
                load=PartitionJob.of(mine, conventions, timezone=None, parts=parts),
                workers=DaskWorkers(cluster.address),
            )
            killer = threading.Thread(target=misfortune, args=(seed, cluster, over))
            killer.start()
            try:
                summary = asyncio.run(load(manifest, on_progress=lambda _: None))
            finally:
                over.set()
                killer.join()
        assert summary.unfinished == []
        counts = Counter(summary.counts)
        assert counts[Outcome.RECORDED] + counts[Outcome.DUPLICATE] == len(rows)
        assert counts[Outcome.REJECTED] == 1
        (bad,) = import_results(parts).refused(summary.refused)
        assert bad.row.number == len(rows) + 1
        with application(mine, batch=True) as built:
            stored = asyncio.run(built.records.of("c2"))
        assert len(stored.purchases) == 20

"""Rows per second, transactions and write units of an import: in one process, and over workers.

Each customer has 20 purchases, scattered over the file. The embedded engine shares the machine's
cores with who writes to it, and is slower than they are: read the round trips and units, which
are AWS's. "As in a large file" is the ordinary import with so few rows at once that hardly two of
them are of one customer, as it is where customers are many times more than 20,000.
Partitioning, and loading without a store, are measured for their own rate and memory.
Run: python -m benchmarks.import_speed
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import structs
from rich.console import Console
from rich.table import Table

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from adapters.workers import ProcessWorkers
from api.composition import application, file_mapping, file_purchases, import_parts, import_results
from api.entry.import_partitions import ROWS_AT_ONCE, PartitionJob
from api.process import Settings, load_settings
from benchmarks.processes import run
from benchmarks.usage import cpu_seconds, peak_mb, report
from domain.cost import Cost, metered
from domain.purchases import (
    Conventions,
    ImportManifest,
    LoadPartition,
    LoadPartitions,
    Outcome,
    PartitionPurchases,
    PurchaseSource,
    RowKind,
)
from domain.purchases.partitioning import partition_of

EACH = 20
"""Purchases of a customer."""
PRIME = 1_000_003
"""Steps through the rows of a customer after customer; coprime to their number."""
CONVENTIONS = Conventions(default_currency=True)
MODULE = "benchmarks.import_speed"
ONE_EACH = "ordinary one purchase a customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one side, per purchase; seconds with the start of the workers, CPU time without them."""

    side: str
    rows_per_second: float
    cpu_ms: float
    round_trips: float
    write_units: float
    seconds: float


def write_file(path: Path, rows: int, *, each: int = EACH) -> None:
    """A CSV file of so many rows; a customer's purchases are on days of their own."""
    customers = rows // each
    newest = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    days = [(newest - timedelta(days=n)).isoformat() for n in range(each)]
    with path.open("w") as file:
        file.write("customer_id,purchase_id,purchased_at,category,amount\n")
        for row in range(rows):
            ordinal, customer = divmod(row * PRIME % rows, customers)
            file.write(
                f"customer-{customer:09},p-{ordinal},{days[ordinal]},grocery,{row % 97}.50\n"
            )


def opened(path: Path) -> PurchaseSource:
    """The file as the command opens it."""
    return file_purchases(path, file_mapping(None, None), RowKind.PURCHASE)


def partitioned(path: Path, place: str) -> ImportManifest:
    """The file by partitions."""
    partition = PartitionPurchases(parts=import_parts(place))
    return partition(opened(path), of={}, on_progress=lambda _: None)


def partitioning(rows: int, partitions: int) -> dict[str, object]:
    """Rate and peak memory of partitioning, in a process of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "purchases.csv"
        write_file(path, rows)
        before_mb, began = peak_mb(), time.perf_counter()
        placed = ((partition_of(row, partitions), row) for row in opened(path).rows())
        written = import_parts(folder).write(placed, partitions)
        seconds = time.perf_counter() - began
        stored = sum(each.stat().st_size for each in Path(folder, "import").rglob("*.*"))
        return {
            "rows": sum(each.rows for each in written),
            "partitions": partitions,
            "chunks": sum(len(each.chunks) for each in written),
            "rows_per_second": rows / seconds,
            "stored_bytes_per_row": stored / rows,
            "file_bytes_per_row": path.stat().st_size / rows,
            "before_mb": before_mb,
            "peak_mb": peak_mb(),
        }


def loading(rows: int, each: int) -> dict[str, object]:
    """Rate and peak memory of one partition that is loaded and stored nowhere."""
    with TemporaryDirectory() as folder:
        path, parts = Path(folder) / "purchases.csv", import_parts(folder)
        write_file(path, rows, each=each)
        placed = ((0, row) for row in opened(path).rows())
        (partition,) = parts.write(placed, 1)
        with application(load_settings(), batch=True) as built:
            load = LoadPartition(
                import_purchases=replace(built.check_purchases, rows_at_once=ROWS_AT_ONCE),
                parts=parts,
                results=import_results(folder),
                conventions=CONVENTIONS,
            )
            before_mb, began = peak_mb(), time.perf_counter()
            asyncio.run(load(partition))
            seconds = time.perf_counter() - began
        return {
            "rows": rows,
            "customers": rows // each,
            "rows_per_second": rows / seconds,
            "before_mb": before_mb,
            "peak_mb": peak_mb(),
        }


@contextmanager
def engine() -> Iterator[Settings]:
    """The settings of an embedded engine of its own."""
    with TemporaryDirectory() as folder:
        embedded = EmbeddedEngine(Path(folder), free_port())
        embedded.start()
        os.environ |= {
            "PROPENSITY_DYNAMODB_ENDPOINT": f"http://{HOST}:{embedded.port}",
            "PROPENSITY_READ_TIMEOUT_S": "20",
        }
        try:
            yield load_settings()
        finally:
            embedded.stop()


def ordinary(path: Path, settings: Settings, rows_at_once: int) -> None:
    """The import of one process."""
    with application(settings, batch=True) as built:
        imports = replace(built.import_purchases, rows_at_once=rows_at_once)
        counts = asyncio.run(
            imports(
                opened(path),
                conventions=CONVENTIONS,
                on_refused=lambda _: None,
                on_progress=lambda _: None,
            )
        )
    if counts[Outcome.RECORDED] != counts.total():
        raise RuntimeError(f"not everything was recorded: {counts}")


def spread(path: Path, settings: Settings, workers: int) -> None:
    """The import over so many processes."""
    with TemporaryDirectory() as folder:
        job = PartitionJob.of(settings, CONVENTIONS, timezone=None, parts=folder)
        load = LoadPartitions(load=job, workers=ProcessWorkers(workers))
        summary = asyncio.run(load(partitioned(path, folder), on_progress=lambda _: None))
    if summary.unfinished or summary.counts[Outcome.RECORDED] != summary.counts.total():
        raise RuntimeError(f"not everything was recorded: {summary.counts}")


def measured(side: str, rows: int, work: Callable[[Settings], None], settings: Settings) -> Figures:
    """One side, on empty tables of its own."""
    mine = structs.replace(settings, table_prefix=side.replace(" ", "-") + "-")
    with application(mine, batch=True) as built:
        built.tables.create()
    cpu, began = cpu_seconds(), time.perf_counter()
    with metered() as cost:
        work(mine)
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    return _figures(side, rows, cost, seconds, cpu)


def _figures(side: str, rows: int, cost: Cost, seconds: float, cpu: float) -> Figures:
    return Figures(
        side=side,
        rows_per_second=rows / seconds,
        cpu_ms=1e3 * cpu / rows,
        round_trips=cost.round_trips / rows,
        write_units=cost.writes.total / rows,
        seconds=seconds,
    )


def imports(rows: int) -> list[Figures]:
    """Every side on one engine, one after the other."""
    sides: dict[str, Callable[[Path, Settings], None]] = {
        "ordinary": lambda path, settings: ordinary(path, settings, 20_000),
        "ordinary as in a large file": lambda path, settings: ordinary(
            path, settings, rows // EACH // 20
        ),
        ONE_EACH: lambda path, settings: ordinary(path, settings, 20_000),
        "one worker": lambda path, settings: spread(path, settings, 1),
        "two workers": lambda path, settings: spread(path, settings, 2),
    }
    with TemporaryDirectory() as folder:
        paths = {each: Path(folder) / f"{each}.csv" for each in (1, EACH)}
        for each, path in paths.items():
            write_file(path, rows, each=each)
        with engine() as settings:
            return [
                measured(
                    side,
                    rows,
                    lambda mine, side=side, work=work: work(  # type: ignore[misc]  # defaults bind them
                        paths[1 if side == ONE_EACH else EACH], mine
                    ),
                    settings,
                )
                for side, work in sides.items()
            ]


def show(title: str, figures: Sequence[Mapping[str, object]]) -> None:
    """Prints a table."""
    table = Table(*figures[0], title=title)
    for each in figures:
        table.add_row(*(f"{v:,.2f}" if isinstance(v, float) else f"{v}" for v in each.values()))
    Console().print(table)


def main() -> None:
    """Prints the figures of all sides."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=20_000, help="of the imports")
    arguments.add_argument("--large", type=int, default=4_000_000, help="of partitioning")
    arguments.add_argument("--quick", action="store_true", help="a fraction of the work")
    arguments.add_argument("--output", type=Path, help="a file for the figures as JSON")
    arguments.add_argument("--partitioning", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments.add_argument("--loading", type=int, nargs=2, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.partitioning:
        return report(partitioning(*options.partitioning))
    if options.loading:
        return report(loading(*options.loading))
    rows, large = (2_000, 100_000) if options.quick else (options.rows, options.large)
    sizes = ((large // 4, 1_000), (large, 1_000))  # as many partitions as 100 million rows have
    alone = [run(MODULE, "--partitioning", *each) for each in sizes]
    show("partitioning", alone)
    loads = [run(MODULE, "--loading", min(large, 100_000), each) for each in (EACH, 1)]
    show("loading", loads)
    found = [asdict(each) for each in imports(rows)]
    show("imports", found)
    if options.output is not None:
        document = {"partitioning": alone, "loading": loads, "imports": found}
        options.output.write_text(json.dumps(document) + "\n")
    return None


if __name__ == "__main__":
    main()

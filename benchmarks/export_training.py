"""A training matrix from an export to S3: ours beside a straightforward one in Polars.

Both read the same compressed JSON of synthetic purchases, take the features of `rfm_90d` at seven
dates, and must agree. Each side is a process of its own. Run: python -m benchmarks.export_training
"""

import argparse
import gzip
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from adapters.dynamodb.export import ExportedPurchases
from adapters.dynamodb.export.layout import FILES, ROOT, SUMMARY, md5_of
from adapters.feature_sets import built_in_sets
from adapters.object_store import open_object_store
from benchmarks.processes import run
from benchmarks.usage import cpu_seconds, peak_mb, report
from benchmarks.workload import NOW, SHARDS
from domain.retention import FOR_EVER
from domain.training import training_set
from domain.values import MICROS_PER_DAY, Currency, instant

TABLE = "purchases"
FILES_COUNT = 16
CATEGORIES = [f"category-{n:02d}" for n in range(20)]
HORIZON_DAYS, CUT_OFFS = 30, 6
DATES = [NOW - days * MICROS_PER_DAY for days in range(210, 0, -30)]


def write_synthetic(folder: Path, purchases: int) -> None:
    """An export of so many purchases of a year, ten a customer on average; the last is now."""
    dice = random.Random(17)  # noqa: S311  # made-up purchases
    data = folder / ROOT / "01-synthetic" / "data"
    data.mkdir(parents=True)
    listed: list[dict[str, object]] = []
    for file in range(FILES_COUNT):
        count = purchases // FILES_COUNT
        lines = "".join(_line(dice, file * count + n, purchases) for n in range(count))
        content = gzip.compress(lines.encode(), compresslevel=4)
        (data / f"{file:02d}.json.gz").write_bytes(content)
        key = f"{ROOT}01-synthetic/data/{file:02d}.json.gz"
        listed.append(
            {"itemCount": count, "md5Checksum": md5_of(content), "etag": "", "dataFileS3Key": key}
        )
    summary = {
        "tableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}",
        "exportTime": instant.render(NOW),
        "manifestFilesS3Key": f"{ROOT}01-synthetic/{FILES}",
        "itemCount": purchases // FILES_COUNT * FILES_COUNT,
        "outputFormat": "DYNAMODB_JSON",
    }
    (data.parent / FILES).write_text("\n".join(map(json.dumps, listed)))
    (data.parent / SUMMARY).write_text(json.dumps(summary))


def _line(dice: random.Random, number: int, purchases: int) -> str:
    ago = 0 if number == 0 else dice.randrange(365 * MICROS_PER_DAY)
    category = dice.choice(CATEGORIES)
    item = {
        "customer_id": {"S": f"customer-{dice.randrange(purchases // 10):09d}"},
        "purchase_id": {"S": f"purchase-{number:010d}"},
        "purchased_at": {"N": str(NOW - ago)},
        "category": {"S": category},
        "amount_minor": {"N": str(dice.randrange(1, 20_000))},
        "category_shard": {"S": f"{category}#000"},
        "fingerprint": {"S": hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()},
    }
    return json.dumps({"Item": item}) + "\n"


Matrices = tuple[list[str], NDArray[np.float64], int]


def ours(folder: Path, customers: int) -> Matrices:
    """Ids and features of the held-out date, by our own code; and how many rows there are in all."""
    source = ExportedPurchases(
        open_object_store(str(folder)), table=TABLE, shards=SHARDS, retention=FOR_EVER
    )
    histories = source.histories(most_customers=customers, on_progress=lambda *_: None)
    examples = training_set(
        histories,
        features=built_in_sets()["rfm_90d"].in_currency(Currency.of("USD")),
        horizon_us=HORIZON_DAYS * MICROS_PER_DAY,
        most_cut_offs=CUT_OFFS,
    )
    ids = [histories.customer_ids[n] for n in examples.held_out.customer.tolist()]
    return ids, examples.held_out.matrix, len(examples.training) + len(examples.held_out)


def in_polars(folder: Path, _: int) -> Matrices:
    """The same of everybody, as one writes it in Polars: all rows in memory."""
    text, number = pl.Struct({"S": pl.String}), pl.Struct({"N": pl.String})
    fields = {"customer_id": text, "category": text, "purchased_at": number, "amount_minor": number}
    frames = [
        pl.read_ndjson(gzip.decompress(file.read_bytes()), schema={"Item": pl.Struct(fields)})
        .select(pl.col("Item").struct.unnest())
        .select(
            pl.col("customer_id").struct.field("S").alias("customer"),
            pl.col("category").struct.field("S").alias("category"),
            pl.col("purchased_at").struct.field("N").cast(pl.Int64).alias("at"),
            pl.col("amount_minor").struct.field("N").cast(pl.Int64).alias("amount"),
        )
        for file in sorted(folder.glob(f"{ROOT}*/data/*.json.gz"))
    ]
    purchases = pl.concat(frames)
    features, rows = pl.DataFrame(), 0
    for date in DATES:
        features = _features(purchases.filter(pl.col("at") <= date), date)
        rows += len(features)
    return features["customer"].to_list(), features.drop("customer").to_numpy(), rows


def _features(known: pl.DataFrame, date: int) -> pl.DataFrame:
    def within(days: int) -> pl.Expr:
        return pl.col("at") > date - days * MICROS_PER_DAY

    columns = [pl.col("amount").filter(within(d)).sum() / 100 for d in (7, 30, 90)]
    columns += [within(d).sum().cast(pl.Float64) for d in (7, 30, 90)]
    columns += [pl.col("category").filter(within(d)).n_unique().cast(pl.Float64) for d in (30, 90)]
    last = (date - pl.col("at").max()) / MICROS_PER_DAY
    columns.append(pl.min_horizontal(last, pl.lit(90.0)))
    named = [column.alias(str(n)) for n, column in enumerate(columns)]
    return known.group_by("customer").agg(named)


SIDES: dict[str, Callable[[Path, int], Matrices]] = {"ours": ours, "polars": in_polars}


def measured(side: str, folder: Path, customers: int) -> dict[str, Any]:
    """The figures of one side, and what its matrix sums to, column by column."""
    before, cpu, began = peak_mb(), cpu_seconds(), time.perf_counter()
    ids, matrix, rows = SIDES[side](folder, customers)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": cpu_seconds() - cpu,
        "memory_mb": peak_mb() - before,
        "rows": rows,
        "customers": len(set(ids)),
        "sums": matrix.sum(axis=0).round(3).tolist(),
    }


def main() -> int:
    """Prints the table.

    Raises:
        RuntimeError: the two sides disagree.
    """
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--purchases", type=int, default=2_000_000)
    arguments.add_argument("--customers", type=int, default=10_000_000, help="of our sample")
    arguments.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    if options.side:
        report(measured(options.side, options.folder, options.customers))
        return 0
    with TemporaryDirectory() as name:
        write_synthetic(Path(name), options.purchases)
        shared = ("--folder", name, "--customers", options.customers)
        found = {side: run("benchmarks.export_training", "--side", side, *shared) for side in SIDES}
    table = Table("side", "purchases/s", "CPU s", "memory MB", "rows")
    for side, figures in found.items():
        speed = options.purchases / figures["seconds"]
        shown = (speed, figures["cpu_seconds"], figures["memory_mb"], figures["rows"])
        table.add_row(side, *(f"{value:,.0f}" for value in shown))
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(found))
    same = ("rows", "customers", "sums")
    if options.customers >= options.purchases and any(
        found["ours"][key] != found["polars"][key] for key in same
    ):
        raise RuntimeError("the two sides disagree")
    return 0


if __name__ == "__main__":
    sys.exit(main())

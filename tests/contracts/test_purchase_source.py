"""What every PurchaseSource promises. An implementation joins by a function in SOURCES."""

import json
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from adapters.complete_journey import CompleteJourneyPurchases
from adapters.purchase_files import open_purchase_file
from domain.errors import Rejected
from domain.purchases import Conventions, PurchaseSource
from domain.purchases.purchase import parse_purchase
from domain.values import Currency, instant
from tests.doubles.memory import MemoryPurchaseSource

NEWEST = datetime(2026, 2, 28, 12, tzinfo=UTC)
NOW = instant.from_datetime(NEWEST)
UNREADABLE = 3
"""The place of the row that a source has made unreadable, if it can hold such a row."""


def moment(place: int, rows: int) -> datetime:
    return NEWEST - timedelta(minutes=rows - place)


def raw_rows(rows: int) -> list[dict[str, object]]:
    """Rows in order of time; the cents of a row say its place."""
    return [
        {
            "customer_id": "household-1",
            "purchase_id": f"{place}-meat",
            "purchased_at": moment(place, rows).isoformat(),
            "category": "meat",
            "amount": Decimal(place).scaleb(-2),
        }
        for place in range(1, rows + 1)
    ]


def memory(folder: Path, rows: int) -> PurchaseSource:
    del folder
    return MemoryPurchaseSource(raw_rows(rows))


def csv_file(folder: Path, rows: int) -> PurchaseSource:
    raw = raw_rows(rows)
    lines = [",".join(map(str, row.values())) for row in raw]
    lines[UNREADABLE - 1] += ",too many"
    path = folder / "p.csv"
    path.write_text("\n".join([",".join(raw[0]), *lines, "", ""]))
    return open_purchase_file(path)


def ndjson_file(folder: Path, rows: int) -> PurchaseSource:
    lines = [json.dumps(row, default=str) for row in raw_rows(rows)]
    lines[UNREADABLE - 1] += "}"
    path = folder / "p.ndjson"
    path.write_text("\n".join([*lines, "", " ", ""]))
    return open_purchase_file(path)


def parquet_file(folder: Path, rows: int) -> PurchaseSource:
    path = folder / "p.parquet"
    parquet.write_table(pa.Table.from_pylist(raw_rows(rows)), path)
    return open_purchase_file(path)


def complete_journey(folder: Path, rows: int) -> PurchaseSource:
    places = range(1, rows + 1)
    cents = [place / 100 for place in places]
    cents[UNREADABLE - 1] += 0.001
    lines = {
        "household_id": [1] * rows,
        "basket_id": list(places),
        "product_id": [1] * rows,
        "sales_value": cents,
        "transaction_timestamp": [moment(place, rows).replace(tzinfo=None) for place in places],
    }
    parquet.write_table(pa.table(lines), folder / "transactions.parquet")
    products = {"product_id": [1], "department": ["MEAT"]}
    parquet.write_table(pa.table(products), folder / "products.parquet")
    return CompleteJourneyPurchases(now=NOW, folder=folder)


Source = Callable[[Path, int], PurchaseSource]
SOURCES: Sequence[Source] = (memory, csv_file, ndjson_file, parquet_file, complete_journey)
WITHOUT_UNREADABLE_ROWS = (memory, parquet_file)


@pytest.fixture(params=SOURCES, ids=lambda source: source.__name__)
def make(request: pytest.FixtureRequest) -> Source:
    made: Source = request.param
    return made


def test_every_row_appears_in_order_the_unreadable_ones_with_the_reason(
    make: Source, tmp_path: Path
) -> None:
    rows = list(make(tmp_path, 9).rows())
    unreadable = [place for place, row in enumerate(rows, start=1) if row.raw is None]
    assert unreadable == ([] if make in WITHOUT_UNREADABLE_ROWS else [UNREADABLE])
    assert all(bool(row.problem) == (row.raw is None) for row in rows)
    cents = [
        parse_purchase(
            row.raw,
            currency=Currency.of("USD"),
            now=NOW,
            conventions=Conventions(default_currency=True),
        ).amount_minor
        for row in rows
        if row.raw is not None
    ]
    assert cents == [place for place in range(1, 10) if place not in unreadable]


def test_rows_are_numbered_upwards_from_one(make: Source, tmp_path: Path) -> None:
    numbers = [row.number for row in make(tmp_path, 9).rows()]
    assert numbers[0] in {1, 2}  # a header is a line, too
    assert numbers == list(range(numbers[0], numbers[0] + 9))


def test_amounts_are_exact_numbers(make: Source, tmp_path: Path) -> None:
    for row in make(tmp_path, 9).rows():
        if row.raw is not None:
            amount = row.raw.get("amount", row.raw.get("amount_minor"))
            assert isinstance(amount, int | Decimal)


def test_reading_again_gives_the_same_rows(make: Source, tmp_path: Path) -> None:
    source = make(tmp_path, 9)
    interrupted = source.rows()
    first = [next(interrupted) for _ in range(4)]
    rows = list(source.rows())
    assert [*first, *interrupted] == rows
    assert list(source.rows()) == rows


def test_progress_never_decreases_and_ends_at_the_total(make: Source, tmp_path: Path) -> None:
    source = make(tmp_path, 9)
    progress = [row.progress for row in source.rows()]
    assert progress == sorted(progress)
    assert progress[0] > 0
    assert progress[-1] == source.total


@pytest.mark.full
def test_rows_are_not_held_once_they_are_read(make: Source, tmp_path: Path) -> None:
    source = make(tmp_path, 20_000)
    next(source.rows())
    tracemalloc.start()
    try:
        assert sum(1 for _ in source.rows()) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000  # all rows at once are 12 MB and more


@pytest.mark.parametrize(
    "make", [source for source in SOURCES if source is not memory], ids=lambda made: made.__name__
)
def test_a_source_that_is_gone_is_rejected(make: Source, tmp_path: Path) -> None:
    source = make(tmp_path, 9)
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(Rejected):
        list(source.rows())

"""Parquet, through pyarrow; imported only once such a file is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.errors import Rejected
from domain.purchases import RawRow

_ROWS_AT_ONCE = 1024
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ParquetTable:
    """The rows of a Parquet file. Progress counts rows, as do their numbers, from 1."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        with _parquet_file(path, name) as file:
            self.header = tuple(field.name for field in file.schema_arrow)
            self.total: int = file.metadata.num_rows

    def rows(self) -> Iterator[RawRow]:
        """Every row of every row group."""
        number = 0
        with _parquet_file(self._path, self._name) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                names = batch.schema.names
                columns = [_cells(batch.column(place)) for place in range(len(names))]
                for cells in zip(*columns, strict=True):
                    number += 1
                    raw = {n: c for n, c in zip(names, cells, strict=True) if c is not None}
                    yield RawRow(number=number, raw=raw, progress=number)


@contextmanager
def _parquet_file(path: Path, name: str) -> Iterator[Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra; serving works without it
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as exc:
        raise Rejected(
            "file", "reading Parquet needs pyarrow: pip install 'propensity[local]'"
        ) from exc
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as exc:
        raise Rejected("file", f"{name} cannot be read as Parquet: {exc}") from exc


def _cells(column: Any) -> list[object]:  # pyarrow has no types
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_timestamp(column.type):
        kind = column.type
        return [
            None if ticks is None else _rfc3339(ticks, kind.unit, aware=kind.tz is not None)
            for ticks in column.cast(pa.int64()).to_pylist()
        ]
    try:
        cells = column.to_pylist()
        return (
            [c and c.isoformat() for c in cells] if pa.types.is_date(column.type) else list(cells)
        )
    except UnicodeDecodeError:
        # Text that is none becomes text with lone surrogates, which the validation refuses.
        return [
            None if cell is None else cell.decode(errors="surrogateescape")
            for cell in column.cast(pa.string()).cast(pa.binary()).to_pylist()
        ]


def _rfc3339(ticks: int, unit: str, *, aware: bool) -> object:
    """Every digit that the file has; without an offset where the file has none."""
    digits = _DIGITS[unit]
    seconds, fraction = divmod(ticks, 10**digits)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return ticks
    text = moment.isoformat().removesuffix("+00:00")
    if fraction:
        text += f".{fraction:0{digits}}"
    return text + "Z" if aware else text

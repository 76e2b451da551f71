"""Sheets of members: one row per customer, with an empty probability where one is unread."""

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import msgspec

from adapters.audience_files.cells import csv_lines, text_cell
from adapters.audience_files.pending import reporting_disk_errors
from domain.audience import Listed
from domain.errors import Rejected
from domain.values import plain_number

_ROWS_AT_ONCE = 65_536


class Sheet(Protocol):
    """Where rows go; `escaped` counts the ids that are not written as they are.

    `merged` counts customers left out since another one has the same mail address.
    """

    @property
    def escaped(self) -> int:
        """How many ids begin with a ' that is not theirs."""
        ...

    @property
    def merged(self) -> int:
        """How many customers are another one's mail address, once every row is written."""
        ...

    def write(self, listed: Sequence[Listed], /) -> None:
        """These rows come next."""
        ...

    def finish(self) -> None:
        """Every row has been handed on."""
        ...


class CsvSheet:
    """customer_id, probability in full precision, arm, and holdout where that is asked for."""

    merged = 0

    def __init__(
        self, stream: BinaryIO, *, marks_holdout: bool, byte_order_mark: bool = False
    ) -> None:
        self._stream = stream
        if byte_order_mark:
            stream.write(BOM_UTF8)
        self._marks_holdout = marks_holdout
        self.escaped = 0
        header = ("customer_id", "probability", "arm", "holdout")
        stream.writelines(csv_lines([header if marks_holdout else header[:3]]))

    def write(self, listed: Sequence[Listed], /) -> None:
        """These rows come next."""
        self._stream.writelines(csv_lines(map(self._row, listed)))

    def finish(self) -> None:
        """Every row has been handed on."""
        self._stream.flush()

    def _row(self, listed: Listed) -> tuple[object, ...]:
        customer = text_cell(listed.member.customer_id)
        self.escaped += customer != listed.member.customer_id
        probability = listed.member.probability
        cell = None if probability is None else plain_number(probability)
        row = (customer, cell, listed.member.arm)
        return (*row, "true" if listed.held_out else "false") if self._marks_holdout else row


class NdjsonSheet:
    """One JSON object per line, with the columns of CSV; unread is null."""

    escaped = merged = 0

    def __init__(self, stream: BinaryIO, *, marks_holdout: bool) -> None:
        self._stream = stream
        self._marks_holdout = marks_holdout
        self._encoder = msgspec.json.Encoder()

    def write(self, listed: Sequence[Listed], /) -> None:
        """These rows come next."""
        self._stream.write(self._encoder.encode_lines(map(self._row, listed)))

    def finish(self) -> None:
        """Every row has been handed on."""
        self._stream.flush()

    def _row(self, listed: Listed) -> dict[str, object]:
        row: dict[str, object] = {
            "customer_id": listed.member.customer_id,
            "probability": listed.member.probability,
            "arm": listed.member.arm,
        }
        return row | {"holdout": listed.held_out} if self._marks_holdout else row


class ParquetSheet:
    """customer_id: string, probability: double or null, arm: string; in row groups of 65,536."""

    escaped = merged = 0

    def __init__(self, writer: Any) -> None:  # pyarrow has no types
        self._writer = writer
        self._waiting: list[Listed] = []

    def write(self, listed: Sequence[Listed], /) -> None:
        """These rows come next."""
        self._waiting += listed
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Every row has been handed on."""
        import pyarrow as pa  # noqa: PLC0415  # an extra

        columns = {
            "customer_id": [listed.member.customer_id for listed in self._waiting],
            "probability": [listed.member.probability for listed in self._waiting],
            "arm": [listed.member.arm for listed in self._waiting],
        }
        self._writer.write_table(pa.table(columns, schema=self._writer.schema))
        self._waiting.clear()


@contextmanager
def parquet_sheet(stream: BinaryIO) -> Iterator[ParquetSheet]:
    """A Parquet file, whole once the block has ended.

    Raises:
        Rejected: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra; serving works without it
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as exc:
        raise Rejected(
            "--format", "writing Parquet needs pyarrow: pip install 'propensity[local]'"
        ) from exc
    schema = pa.schema(
        [
            pa.field("customer_id", pa.string(), nullable=False),
            ("probability", pa.float64()),
            pa.field("arm", pa.string(), nullable=False),
        ]
    )
    writer = parquet.ParquetWriter(stream, schema)
    try:
        yield ParquetSheet(writer)
    finally:
        with reporting_disk_errors():
            writer.close()

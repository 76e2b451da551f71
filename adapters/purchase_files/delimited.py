"""Delimited text: RFC 4180 as spreadsheets and databases write it, whatever separates the cells."""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from adapters.purchase_files.lines import (
    MAX_ROW_BYTES,
    Line,
    physical_lines,
    reading,
    unreadable,
    up_to,
)
from adapters.purchase_files.table import named
from domain.errors import Rejected
from domain.purchases import RawRow

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class DelimitedTable:
    """The rows of a delimited file. Progress counts bytes; a row's number is its first line's.

    The delimiter is the one that yields the columns `lacking` asks for. Empty cells are absent. A
    row that is no CSV ends with its first line. Reading goes on with the next line, so that one
    stray quote does not swallow the rows below.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        delimiter: str | None,
        lacking: Callable[[Sequence[str]], Sequence[str]],
    ) -> None:
        self._path, self._name = path, name
        self.delimiter = delimiter or _delimiter(path, name, lacking)
        with reading(path, name) as file:
            self.header = tuple(named(_header(_records(file, self.delimiter), name)))
            self.total = path.stat().st_size

    @property
    def note(self) -> str | None:
        """What is worth saying about how it is written."""
        if self.delimiter == ",":
            return None
        separated = _DELIMITERS.get(self.delimiter, repr(self.delimiter))
        commas = ", 10,50 is read as 10.50" if self.delimiter == ";" else ""
        return f"separated by {separated}{commas}"

    def rows(self) -> Iterator[RawRow]:
        """Every row after the header."""
        with reading(self._path, self._name) as file:
            records = _records(file, self.delimiter)
            _header(records, self._name)
            yield from up_to(self.total, map(self._row, records))

    def _row(self, record: "_Record") -> RawRow:
        lines, cells, problem = record
        width = len(self.header)
        if problem is None and len(cells) != width:
            problem = f"has {len(cells)} cells, but the header has {width}"
        if problem is not None:
            return unreadable(*lines, problem=problem)
        raw = {name: cell for name, cell in zip(self.header, cells, strict=True) if cell}
        return RawRow(number=lines[0].number, raw=raw, progress=lines[-1].end)


def _delimiter(path: Path, name: str, lacking: Callable[[Sequence[str]], Sequence[str]]) -> str:
    """The one under which the header has all columns; where none does, the one with the most."""
    most, widest = ",", 0
    for delimiter in _DELIMITERS:
        with reading(path, name) as file:
            try:
                header = _header(_records(file, delimiter), name)
            except Rejected:
                continue
        if not lacking(header):
            return delimiter
        if len(header) > widest:
            most, widest = delimiter, len(header)
    return most


class _Record(NamedTuple):
    lines: tuple[Line, ...]
    cells: list[str]
    problem: str | None


def _header(records: Iterator[_Record], file_name: str) -> list[str]:
    header = next(records, None)
    if header is None:
        raise Rejected("file", f"{file_name} is empty: its first line must name the columns")
    if header.problem is not None:
        raise Rejected("file", f"the header of {file_name} {header.problem}")
    return header.cells


def _records(file: BinaryIO, delimiter: str) -> Iterator[_Record]:
    """Every record that is not blank, the unreadable ones with the reason."""
    lines = _RecordLines(physical_lines(file))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_record()
        try:
            cells, problem = next(reader), None
        except StopIteration:
            return
        except csv.Error as exc:
            cells, problem = [], f"cannot be read as CSV: {exc}"
            lines.give_back_all_but_first()
        if cells or problem:
            yield _Record(tuple(lines.record), cells, problem)


class _RecordLines:
    """Feeds lines to the csv reader, and remembers a record's own so that it can go back."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self.record: list[Line] = []

    def __iter__(self) -> "_RecordLines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.record.append(line)
        if line.problem is not None:
            raise csv.Error(line.problem)
        if line.end - self.record[0].end > MAX_ROW_BYTES:
            raise csv.Error(f"the row is longer than {MAX_ROW_BYTES} bytes")
        return line.text

    def begin_record(self) -> None:
        self.record.clear()

    def give_back_all_but_first(self) -> None:
        self._again.extendleft(reversed(self.record[1:]))
        del self.record[1:]

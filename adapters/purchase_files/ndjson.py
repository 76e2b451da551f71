"""NDJSON: one JSON object per line, in UTF-8."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from adapters.purchase_files.cells import decimal_or_text
from adapters.purchase_files.lines import Line, physical_lines, reading, unreadable, up_to
from domain.purchases import RawRow, RowKind

_MOST_NAMES = 100  # a file may invent a new one on every line


class NdjsonTable:
    """The rows of an NDJSON file. Progress counts bytes; a row's number is its line's.

    Blank lines are no rows. Numbers never pass through binary floats. `{"refunded": {...}}` and
    `{"cancelled": {...}}` are rows of that kind.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._header: dict[str, None] = {}
        with reading(path, name):
            self.total = path.stat().st_size

    @property
    def header(self) -> tuple[str, ...]:
        """The fields met so far, the first hundred of them."""
        return tuple(self._header)

    def rows(self) -> Iterator[RawRow]:
        """Every line that is not blank."""
        with reading(self._path, self._name) as file:
            lines = (line for line in physical_lines(file) if line.problem or line.text.strip())
            yield from up_to(self.total, map(self._row, lines))

    def _row(self, line: Line) -> RawRow:
        try:
            document = self._object_of(line)
        except ValueError as exc:
            return unreadable(line, problem=str(exc))
        except RecursionError:
            return unreadable(line, problem="is nested too deeply")
        kind = RowKind.PURCHASE
        if len(document) == 1 and isinstance(inner := next(iter(document.values())), dict):
            kind = _KINDS.get(next(iter(document)), kind)
            document = inner if kind is not RowKind.PURCHASE else document
        for name in document:
            if len(self._header) < _MOST_NAMES:
                self._header[name] = None
        return RawRow(number=line.number, raw=document, progress=line.end, kind=kind)

    def _object_of(self, line: Line) -> dict[str, object]:
        if line.problem is not None:
            raise ValueError(line.problem)
        try:
            document = _DECODER.decode(line.text)
        except json.JSONDecodeError as exc:
            raise ValueError(f"cannot be read as JSON: {exc.msg} at column {exc.colno}") from exc
        if not isinstance(document, dict):
            raise ValueError(f"must be a JSON object, not {line.text.strip()[:60]}")  # noqa: TRY004  # a row's problem
        return document


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"has the field {twice!r} twice")
    return fields


_KINDS = {"refunded": RowKind.REFUND, "cancelled": RowKind.CANCELLATION}
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=decimal_or_text, parse_constant=Decimal
)

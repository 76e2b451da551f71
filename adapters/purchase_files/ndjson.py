"""NDJSON: one JSON object per line, in UTF-8."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from adapters.purchase_files.columns import KNOWN, decimal_or_text, typed
from adapters.purchase_files.lines import Line, physical_lines, reading, unreadable, up_to
from domain.purchases import RawRow

_MOST_IGNORED_NAMES = 100  # a file may invent a new one on every line


class NdjsonPurchases:
    """The purchases of an NDJSON file. Progress counts bytes; a row's number is its line's.

    Blank lines are no rows. Numbers never pass through binary floats.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ignored: dict[str, None] = {}
        with reading(path):
            self.total = path.stat().st_size

    @property
    def ignored(self) -> tuple[str, ...]:
        """The fields met so far that are no part of a purchase, the first hundred of them."""
        return tuple(self._ignored)

    def rows(self) -> Iterator[RawRow]:
        """Every line that is not blank."""
        with reading(self._path) as file:
            lines = (line for line in physical_lines(file) if line.problem or line.text.strip())
            yield from up_to(self.total, map(self._row, lines))

    def _row(self, line: Line) -> RawRow:
        try:
            raw = self._purchase(line)
        except ValueError as exc:
            return unreadable(line, problem=str(exc))
        except RecursionError:
            return unreadable(line, problem="is nested too deeply")
        return RawRow(number=line.number, raw=typed(raw.items()), progress=line.end)

    def _purchase(self, line: Line) -> dict[str, object]:
        if line.problem is not None:
            raise ValueError(line.problem)
        try:
            document = _DECODER.decode(line.text)
        except json.JSONDecodeError as exc:
            raise ValueError(f"cannot be read as JSON: {exc.msg} at column {exc.colno}") from exc
        if not isinstance(document, dict):
            raise ValueError(f"must be a JSON object, not {line.text.strip()[:60]}")  # noqa: TRY004  # a row's problem
        self._note_ignored(document)
        return {column: cell for column, cell in document.items() if column in KNOWN}

    def _note_ignored(self, document: dict[str, object]) -> None:
        for name in document.keys() - KNOWN:
            if len(self._ignored) < _MOST_IGNORED_NAMES:
                self._ignored[name] = None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"has the field {twice!r} twice")
    return fields


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=decimal_or_text, parse_constant=Decimal
)

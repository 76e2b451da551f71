"""The purchases of a file, from its table to rows that may be recorded."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from adapters.purchase_files.cells import Cells, amount_of, make_positive, mark_refund
from adapters.purchase_files.lines import MAX_TEXT_CHARACTERS, reading
from adapters.purchase_files.orders import OrderLine, completed
from adapters.purchase_files.plain import Plain
from adapters.purchase_files.table import Table
from adapters.seen_ids import TemporarySeenIds
from domain.errors import InvalidPurchase
from domain.purchases import PurchaseSource, RawRow, RowKind


class PurchaseFile(PurchaseSource, Protocol):
    """A source that is a file, and may hold more than purchases."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """The columns met so far that are no part of a purchase; they are not read."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was read, where that is not the common way."""
        ...

    def digest(self) -> str:
        """The SHA-256 of what is read, in hexadecimal digits.

        Raises:
            Rejected: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePurchases:
    """PurchaseFile over a table: cells become fields, lines are numbered, orders completed.

    Where lines are numbered, a purchase's id is the order's with the place of the line in it.
    """

    plain: Plain
    table: Table
    cells: Cells
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """What progress counts up to; see PurchaseSource."""
        return self.table.total

    @property
    def ignored(self) -> tuple[str, ...]:
        """See PurchaseFile."""
        return self.cells.unknown(self.table.header)

    def digest(self) -> str:
        """See PurchaseFile."""
        with reading(self.plain.path, self.plain.name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def rows(self) -> Iterator[RawRow]:
        """Every row, and a refund beside it where it was refunded; see PurchaseSource."""
        with closing(TemporarySeenIds()) as seen:
            lines = (self._line(row, seen) for row in self.table.rows())
            for line in completed(lines, self.cells.mapping):
                yield _finished(line)

    def _line(self, row: RawRow, seen: TemporarySeenIds) -> OrderLine:
        if row.raw is None:
            return OrderLine(row=row, order=None)
        cells = self.cells
        if row.kind is not RowKind.PURCHASE:
            cells = Cells(cells.mapping, row.kind)
        if row.kind is not cells.kind:
            row = replace(row, kind=cells.kind)
        try:
            fields = cells.fields(row.raw or {})
        except InvalidPurchase as exc:
            return OrderLine(row=row, order=None, problem=exc)
        line = OrderLine(row=row, order=fields.get("purchase_id"), fields=fields)
        try:
            amount_of(fields)
            mark_refund(fields, cells.mapping)
            if cells.kind is RowKind.PURCHASE:
                self._number(line, seen)
            elif cells.kind is RowKind.REFUND:
                make_positive(fields)
        except InvalidPurchase as exc:
            line.problem = exc
        return line

    def _number(self, line: OrderLine, seen: TemporarySeenIds) -> None:
        """The line of an order gets the id that it has for good."""
        if self.cells.mapping.order_lines and isinstance(line.order, str):
            number, _ = seen.count("", line.order, line.row.number)
            line.fields["purchase_id"] = f"{line.order}-{number}"


def _finished(line: OrderLine) -> RawRow:
    row = line.row
    if row.raw is None:
        return row
    if line.problem is None:
        return replace(row, raw=line.fields)
    text = json.dumps(row.raw, default=str)[:MAX_TEXT_CHARACTERS]
    return replace(row, raw=None, text=text, problem=line.problem.reason, field=line.problem.field)

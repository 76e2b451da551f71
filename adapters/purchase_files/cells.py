"""Cells: from what a file has to the fields of a purchase, a refund or a cancellation.

Validation is the domain's: what cannot be converted is handed on as it is, to be rejected there
under the name of its field.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property

from adapters.purchase_files.mapping import FileMapping
from adapters.purchase_files.table import plain_name
from domain.errors import InvalidPurchase
from domain.purchases import RowKind

IDS = ("customer_id", "purchase_id", "category", "refund_of", "refund_id")
INSTANTS = ("purchased_at", "refunded_at")
OF_ORDERS = ("status", "order_total", "order_refunded")
_NUMBERS = ("amount", "quantity", "unit_price", "discount", "order_total", "order_refunded")
_REQUIRED: Mapping[RowKind, Sequence[str]] = {
    RowKind.PURCHASE: ("customer_id", "purchase_id", "purchased_at", "category"),
    RowKind.REFUND: ("customer_id", "purchase_id", "refund_id", "refunded_at"),
    RowKind.CANCELLATION: ("customer_id", "purchase_id"),
}
_KNOWN: Mapping[RowKind, frozenset[str]] = {
    RowKind.PURCHASE: frozenset(
        {
            *_REQUIRED[RowKind.PURCHASE],
            *("refund_of", "currency", "amount", "amount_minor"),
            *("kind", "quantity", "unit_price", "discount", *OF_ORDERS),
        }
    ),
    RowKind.REFUND: frozenset((*_REQUIRED[RowKind.REFUND], "amount", "amount_minor", "currency")),
    RowKind.CANCELLATION: frozenset(_REQUIRED[RowKind.CANCELLATION]),
}
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE
)
_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+", re.ASCII)
_MOST_DIGITS = 30
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


@dataclass(frozen=True)
class Cells:
    """Turns the cells of one file's rows into fields, as a mapping says.

    `decimal_commas`: amounts such as 10,50 and 1.295,00 are read, for semicolons leave the comma
    free.
    """

    mapping: FileMapping
    kind: RowKind
    decimal_commas: bool = False

    @cached_property
    def _columns(self) -> Mapping[str, str]:
        """The field that each column holds, by the column's plain name."""
        columns = self.mapping.columns
        return {
            plain_name(column): field
            for field in _KNOWN[self.kind]
            if (column := getattr(columns, field)) is not None
        }

    def lacking(self, header: Sequence[str]) -> list[str]:
        """The columns that a header should have and has not."""
        fields = {self._columns.get(plain_name(name)) for name in header}
        columns = self.mapping.columns
        missing = [
            str(getattr(columns, field)) for field in _REQUIRED[self.kind] if field not in fields
        ]
        if self.kind is RowKind.CANCELLATION or fields & {"amount", "amount_minor"}:
            return missing
        if columns.quantity is None or columns.unit_price is None:
            return [*missing, f"{columns.amount} or {columns.amount_minor}"]
        parts = [p for p in ("quantity", "unit_price") if p not in fields]
        return [*missing, *(str(getattr(columns, part)) for part in parts)]

    def repeated(self, header: Sequence[str]) -> list[str]:
        """The fields that more than one column holds."""
        fields = [self._columns.get(plain_name(name)) for name in header]
        return sorted({field for field in fields if field and fields.count(field) > 1})

    def unknown(self, header: Sequence[str]) -> tuple[str, ...]:
        """The columns that are not used."""
        return tuple(dict.fromkeys(n for n in header if plain_name(n) not in self._columns))

    def fields(self, raw: Mapping[str, object]) -> dict[str, object]:
        """The fields of one row, and those of its order.

        Raises:
            InvalidPurchase: two columns hold one field.
        """
        fields: dict[str, object] = {}
        for name, cell in raw.items():
            field = self._columns.get(plain_name(name))
            if field is None:
                continue
            if field in fields:
                raise InvalidPurchase(field, "is given twice")
            fields[field] = self._typed(field, cell)
        return fields

    def _typed(self, field: str, cell: object) -> object:
        if field in IDS:
            text = str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell
            if field in self.mapping.lower_case and isinstance(text, str):
                return text.casefold()
            return text
        if field in INSTANTS and isinstance(cell, str) and self.mapping.date_format:
            return _reformatted(field, cell, self.mapping.date_format)
        if field in _NUMBERS:
            return self._number(cell)
        if field == "amount_minor" and isinstance(cell, str):
            return _integer_or_text(cell)
        return cell

    def _number(self, cell: object) -> object:
        if isinstance(cell, float):
            return Decimal(repr(cell))
        if not isinstance(cell, str):
            return cell
        if self.mapping.decimal is None:
            if self.decimal_commas and _COMMA.fullmatch(cell):
                return Decimal(cell.replace(".", "").replace(",", "."))
            return decimal_or_text(cell)
        plain = _ungrouped(cell, self.mapping.thousands, self.mapping.decimal)
        found = None if plain is None else decimal_or_text(plain)
        return cell if found is None or isinstance(found, str) else found


def amount_of(fields: dict[str, object]) -> None:
    """Puts the amount of quantity, unit price and discount in their place.

    Raises:
        InvalidPurchase: one of them is missing or no number.
    """
    if not fields.keys() & {"quantity", "unit_price"}:
        return
    if fields.keys() & {"amount", "amount_minor"}:
        raise InvalidPurchase("amount", "excludes quantity and unit price")
    quantity, price = (finite(fields, name) for name in ("quantity", "unit_price"))
    if not quantity:
        raise InvalidPurchase("quantity", "is 0: nothing was bought")
    discount = finite(fields, "discount") if "discount" in fields else Decimal(0)
    fields["amount"] = quantity * price - discount
    for name in ("quantity", "unit_price", "discount"):
        fields.pop(name, None)


def mark_refund(fields: dict[str, object], mapping: FileMapping) -> None:
    """Makes the amount of a row negative that is marked as a refund; a credit note often says it so."""
    kind, purchase_id = fields.pop("kind", None), fields.get("purchase_id")
    prefix = mapping.refund_prefix
    by_prefix = prefix and isinstance(purchase_id, str) and purchase_id.startswith(prefix)
    if not (by_prefix or kind in mapping.refund_kinds):
        return
    for name in ("amount", "amount_minor"):
        value = fields.get(name)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            fields[name] = (
                value.copy_abs().copy_negate() if isinstance(value, Decimal) else -abs(value)
            )


def make_positive(fields: dict[str, object]) -> None:
    """Among refunds a negative amount means the same as a positive one: what was given back."""
    for name in ("amount", "amount_minor"):
        value = fields.get(name)
        if isinstance(value, Decimal) and value.is_finite():
            fields[name] = value.copy_abs()
        elif isinstance(value, int) and not isinstance(value, bool):
            fields[name] = abs(value)


def finite(fields: Mapping[str, object], name: str) -> Decimal:
    """The number in a field.

    Raises:
        InvalidPurchase: it is missing, or no number of which money is made.
    """
    value = fields.get(name)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS:
            return number
    raise InvalidPurchase(name, "is missing" if value is None else f"is no number: {value!s:.60}")


def _ungrouped(text: str, thousands: str, decimal: str) -> str | None:
    """The number as Python writes it; None where the groups are not of three digits."""
    whole, mark, fraction = text.partition(decimal)
    if thousands and thousands in whole:
        first, *groups = whole.split(thousands)
        if any(len(group) != 3 for group in groups) or not 0 < len(first.lstrip("+-")) <= 3:  # noqa: PLR2004
            return None
        whole = first + "".join(groups)
    other = "." if decimal == "," else ","
    return None if other in whole + fraction else f"{whole}.{fraction}" if mark else whole


def _reformatted(field: str, text: str, date_format: str) -> str:
    try:
        return datetime.strptime(text, date_format).isoformat()  # noqa: DTZ007  # the zone comes later
    except ValueError as exc:
        raise InvalidPurchase(field, f"is not written as {date_format}: {text!r:.60}") from exc


def decimal_or_text(text: str) -> Decimal | str:
    """The exact number that `text` writes in ASCII digits, NaN and infinities included."""
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        return text


def _integer_or_text(text: str) -> int | str:
    if not _INTEGER.fullmatch(text):
        return text
    try:
        return int(text)
    except ValueError:  # thousands of digits
        return text

"""The columns of a purchase file, and the types that their cells become.

Validation is the domain's: what cannot be converted is handed on as it is, to be rejected there
under the name of its field.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Protocol

from domain.errors import Rejected
from domain.purchases import PurchaseSource

REQUIRED = ("customer_id", "purchase_id", "purchased_at", "category")
AMOUNTS = ("amount", "amount_minor")
KNOWN = frozenset((*REQUIRED, *AMOUNTS, "currency"))

_TEXTS = frozenset(("customer_id", "purchase_id", "category"))
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE
)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class PurchaseFile(PurchaseSource, Protocol):
    """A source that is a file, and may hold more than purchases."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """The columns met so far that are no part of a purchase; they are not read."""
        ...


def ignored_columns(header: Sequence[str], file_name: str) -> tuple[str, ...]:
    """The columns of `header` that are no part of a purchase, once it has all that are.

    Raises:
        Rejected: a column is missing or appears twice; names them.
    """
    missing = [column for column in REQUIRED if column not in header]
    if not any(column in header for column in AMOUNTS):
        missing.append("amount or amount_minor")
    if missing:
        found = ", ".join(map(repr, header))[:500] or "nothing"
        raise Rejected(
            "file", f"{file_name} lacks the columns {', '.join(missing)}; its header has {found}"
        )
    repeated = sorted(column for column in KNOWN if header.count(column) > 1)
    if repeated:
        raise Rejected("file", f"{file_name} repeats the columns {', '.join(repeated)}")
    return tuple(dict.fromkeys(column for column in header if column not in KNOWN))


def typed(cells: Iterable[tuple[str, object]]) -> Mapping[str, object]:
    """The cells of one row by column, as the purchase format wants them."""
    return {column: _typed(column, cell) for column, cell in cells}


def decimal_or_text(text: str) -> Decimal | str:
    """The exact number that `text` writes in ASCII digits, NaN and infinities included."""
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        return text


def _typed(column: str, cell: object) -> object:
    if column in _TEXTS and isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if column == "amount" and isinstance(cell, float):
        return Decimal(repr(cell))
    if column == "amount" and isinstance(cell, str):
        return decimal_or_text(cell)
    if column == "amount_minor" and isinstance(cell, str):
        return _integer_or_text(cell)
    return cell


def _integer_or_text(text: str) -> int | str:
    if not _INTEGER.fullmatch(text):
        return text
    try:
        return int(text)
    except ValueError:  # thousands of digits
        return text

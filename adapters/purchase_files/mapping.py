"""A mapping: what differs between a file and ours, said by a person in a small TOML file."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from domain.errors import Rejected

PROFILES = ("shopify", "woocommerce")


class Columns(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which column holds a field; by default the one of the field's own name.

    `quantity` times `unit_price`, less `discount`, is an amount. `kind` says what a row is. `status`, `order_total` and
    `order_refunded` are an order's: they stand on its first line.
    """

    customer_id: str = "customer_id"
    purchase_id: str = "purchase_id"
    purchased_at: str = "purchased_at"
    category: str = "category"
    amount: str = "amount"
    amount_minor: str = "amount_minor"
    currency: str = "currency"
    refund_of: str = "refund_of"
    refund_id: str = "refund_id"
    refunded_at: str = "refunded_at"
    kind: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    discount: str | None = None
    status: str | None = None
    order_total: str | None = None
    order_refunded: str | None = None


class FileMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a file differs from ours. Everything may be left out.

    `date_format` as Python's strptime has it: %d/%m/%Y is day first. `lower_case` and `carry_down`
    name fields: those whose case does not matter, and those that only an order's first line has.
    `statuses` are those of orders that count, `order_lines` numbers the lines of each order. A row
    is a refund where its amount is negative, its id begins with `refund_prefix`, or its `kind` is
    one of `refund_kinds`.
    """

    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal[".", ",", " ", "'", ""] = ""
    timezone: str | None = None
    date_format: str | None = None
    order_lines: bool = False
    lower_case: Sequence[Literal["customer_id", "purchase_id", "category"]] = ()
    carry_down: Sequence[Literal["customer_id", "purchased_at", "currency", "status"]] = ()
    statuses: Sequence[str] = ()
    refund_prefix: Annotated[str, Meta(min_length=1)] | None = None
    refund_kinds: Sequence[str] = ()
    columns: Columns = Columns()


OURS = FileMapping()
"""A file that is written as we write it."""


def read_mapping(profile: str | None, path: Path | None) -> FileMapping:
    """The mapping of a profile, of a file, or of a file on top of a profile.

    Raises:
        Rejected: it cannot be read; names the line and the reason.
    """
    base: Mapping[str, Any] = {} if profile is None else _profile(profile)
    text = "" if path is None else _text(path)
    name = "the mapping" if path is None else path.name
    try:
        own = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise Rejected("--mapping", f"{name} is no TOML: {exc}") from exc
    merged = {**base, **own, "columns": {**base.get("columns", {}), **own.get("columns", {})}}
    try:
        return msgspec.convert(merged, FileMapping)
    except msgspec.ValidationError as exc:
        raise Rejected("--mapping", f"{name}{_line(text, str(exc))}: {exc}") from exc


@cache
def _profile(name: str) -> Mapping[str, Any]:
    profile = files("adapters.purchase_files") / "profiles" / f"{name}.toml"
    return tomllib.loads(profile.read_text())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise Rejected("--mapping", f"{path} cannot be read: {exc}") from exc


def _line(text: str, problem: str) -> str:
    """The line that a problem is about, where its key stands in the text."""
    names = re.findall(r"unknown field `([^`]+)`|`\$(?:\.\w+)*\.(\w+)", problem)
    for name in (first or second for first, second in names):
        for number, line in enumerate(text.splitlines(), start=1):
            if re.match(rf"\s*\[?\"?{re.escape(name)}\b", line):
                return f", line {number}"
    return ""

"""Identifiers: which text may name a customer, a purchase or a category, the same at every door."""

import re
import unicodedata
from collections.abc import Mapping

from domain.errors import InvalidPurchase, InvalidRequest
from domain.purchases.quoting import quote

MAX_CUSTOMER_ID_BYTES = 256
MAX_PURCHASE_ID_BYTES = 128
MAX_CATEGORY_BYTES = 64

DOT_SEGMENTS = frozenset({".", ".."})
"""What a path means by itself: "here" and "up". Source: RFC 3986, 5.2.4."""
_JOINERS = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")

_MISSING = (
    r"[nN][aA][nN]|-[nN]a[nN]|[nN][uU][lL][lL]|[nN][oO][nN][eE]|\([nN][uU][lL][lL]\)|[nN]/[aA]|NA"
    r"|<NA>|NaT|undefined|\\N|\[object Object\]"
)
_ERRORS = r"#+|#N/A(?: N/A)?|#NA|#(?:REF|VALUE|NUM|NULL|DIV/0|SPILL|CALC)!|#(?:NAME|FIELD)\?"
DAMAGE = {
    r"[+-]?[0-9]+[.,]0+": "a number with decimals that its text never had",
    r"[+-]?[0-9]+(?:[.,][0-9]+[eE][+-]?|[eE]\+)[0-9]+": "a long number in scientific notation",
    r"[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?": "a number that grew beyond all limits",
    _MISSING: "a program's word for a missing value",
    _ERRORS: "what a spreadsheet shows where it has no value",
    r"[-\u2013\u2014]+": "a dash in place of a value",
    r"=\x22.*\x22|'[0-9]+": "how a spreadsheet marks a number as text",
}
"""What spreadsheets and data frames make of identifiers, as regular expressions of every dialect.

An exponent without + or decimals stays: 1e5 is an honest hexadecimal id. Source of the words for
a missing value: pandas, read_csv, na_values; R's NA; JavaScript; MySQL's dumps.
"""
_DAMAGED = re.compile("|".join(f"({pattern})" for pattern in DAMAGE))
_REASONS = tuple(DAMAGE.values())


def text_field(
    raw: Mapping[str, object], field: str, max_bytes: int, *, as_written: bool = False
) -> str:
    """The text in `field` in Unicode's form NFC, once it is usable as a key.

    `as_written` takes what a spreadsheet or data frame seems to have damaged.

    Raises:
        InvalidPurchase: not text, empty, longer than `max_bytes` in UTF-8, with surrounding
            spaces, with characters that cannot be printed, a dot segment of paths, or damaged.
    """
    value = raw[field]
    if not isinstance(value, str):
        raise InvalidPurchase(field, f"must be text, not {quote(value)}")
    if not value:
        raise InvalidPurchase(field, "must not be empty")
    if value in DOT_SEGMENTS:
        raise InvalidPurchase(
            field, f"must not be {value!r}: clients and proxies drop it from paths"
        )
    if value != value.strip() or not _is_clean(value):
        raise InvalidPurchase(
            field, f"must be printable, without surrounding spaces, not {quote(value)}"
        )
    if not as_written and (damaged := _DAMAGED.fullmatch(value)) and damaged.lastindex:
        what = _REASONS[damaged.lastindex - 1]
        raise InvalidPurchase(
            field, f"is {what}: {quote(value)}; send the original text (files: --ids-as-written)"
        )
    text = unicodedata.normalize("NFC", value)
    size = len(text.encode())
    if size > max_bytes:
        raise InvalidPurchase(field, f"has {size} bytes, at most {max_bytes} are allowed")
    return text


def customer_id_of(text: str) -> str:
    """The id of a customer that somebody asks about, in the form in which it is stored.

    Raises:
        InvalidRequest: no purchase could have it.
    """
    return name_of(text, "customer_id", MAX_CUSTOMER_ID_BYTES)


def name_of(text: str, field: str, max_bytes: int) -> str:
    """An identifier that somebody asks about; a file may have stored a damaged one as written.

    Raises:
        InvalidRequest: no purchase could have it.
    """
    try:
        return text_field({field: text}, field, max_bytes, as_written=True)
    except InvalidPurchase as exc:
        raise InvalidRequest(exc.field, exc.reason) from exc


def _is_clean(text: str) -> bool:
    """Whether it can be printed; of invisible characters only joiners inside words may stand.

    Persian and Hindi words need them; anything else unseen makes two ids look like one.
    """
    if text.isascii():
        return text.isprintable()
    visible = "".join(character for character in text if character not in _JOINERS)
    return visible.isprintable() and not {text[0], text[-1]} & _JOINERS

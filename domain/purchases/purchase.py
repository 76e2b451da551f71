"""Purchase: one exact event, and the rules that raw input must meet to become one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from domain.errors import InvalidPurchase, InvalidRequest
from domain.values import MICROS_PER_SECOND, Currency, instant

DOT_SEGMENTS = frozenset({".", ".."})
"""What a path means by itself: "here" and "up". Source: RFC 3986, 5.2.4."""
MAX_CUSTOMER_ID_BYTES = 256
MAX_PURCHASE_ID_BYTES = 128
MAX_CATEGORY_BYTES = 64
MAX_AMOUNT_MINOR = 10**12
"""Ten thousand million dollars in one purchase is an error of the producer."""
EARLIEST = instant.parse("2000-01-01T00:00:00Z")
"""Earlier instants come from unit mistakes, such as seconds read as microseconds."""
CLOCK_SKEW_US = 300 * MICROS_PER_SECOND
"""How far a producer's clock may run ahead of ours."""

_REQUIRED = ("customer_id", "purchase_id", "purchased_at", "category")
_KNOWN = frozenset((*_REQUIRED, "amount", "amount_minor", "currency"))
_JOINERS = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")
_QUOTED_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One purchase of one customer; unique by (customer_id, purchase_id).

    Units: `purchased_at` in microseconds since the epoch, UTC; `amount_minor` in minor units of
    the deployment's one currency. Zero is an amount: what a coupon paid for was bought all the
    same.
    """

    customer_id: str
    purchase_id: str
    purchased_at: int
    category: str
    amount_minor: int

    @property
    def fingerprint(self) -> str:
        """Hash of the payload: equal for a redelivery, different for another purchase."""
        payload = json.dumps([self.purchased_at, self.category, self.amount_minor])
        return hashlib.sha256(payload.encode()).hexdigest()[:32]


def parse_purchase(
    raw: object, /, *, currency: Currency, now: int, default_currency: bool = False
) -> Purchase:
    """The purchase that `raw` describes, once every rule is met.

    Args:
        raw: a mapping with customer_id, purchase_id, purchased_at (RFC 3339), category,
            currency, and either amount_minor (int) or amount (Decimal or int, major units).
        currency: the deployment's one currency; another one is rejected, never summed.
        now: microseconds since the epoch, UTC; purchases lie at most CLOCK_SKEW_US after it.
        default_currency: whether a missing currency means the deployment's own.

    Raises:
        InvalidPurchase: names the first field that breaks a rule, and the rule.
    """
    if not isinstance(raw, Mapping):
        raise InvalidPurchase("purchase", f"must be an object, not {_quote(raw)}")
    return _purchase(cast("Mapping[str, object]", raw), currency, now, optional=default_currency)


def _purchase(
    raw: Mapping[str, object], currency: Currency, now: int, *, optional: bool
) -> Purchase:
    _check_fields(raw)
    _check_currency(raw.get("currency"), currency, optional=optional)
    return Purchase(
        customer_id=text_field(raw, "customer_id", MAX_CUSTOMER_ID_BYTES),
        purchase_id=text_field(raw, "purchase_id", MAX_PURCHASE_ID_BYTES),
        purchased_at=_instant_field(raw["purchased_at"], now),
        category=text_field(raw, "category", MAX_CATEGORY_BYTES),
        amount_minor=_amount_field(raw, currency),
    )


def text_field(raw: Mapping[str, object], field: str, max_bytes: int) -> str:
    """The text in `field`, once it is usable as a key.

    Raises:
        InvalidPurchase: not text, empty, longer than `max_bytes` in UTF-8, with surrounding
            spaces, with characters that cannot be printed, or a dot segment of paths.
    """
    value = raw[field]
    if not isinstance(value, str):
        raise InvalidPurchase(field, f"must be text, not {_quote(value)}")
    if not value:
        raise InvalidPurchase(field, "must not be empty")
    if value in DOT_SEGMENTS:
        raise InvalidPurchase(
            field, f"must not be {value!r}: clients and proxies drop it from paths"
        )
    if value != value.strip() or not _is_clean(value):
        raise InvalidPurchase(
            field, f"must be printable, without surrounding spaces, not {_quote(value)}"
        )
    size = len(value.encode())
    if size > max_bytes:
        raise InvalidPurchase(field, f"has {size} bytes, at most {max_bytes} are allowed")
    return value


def check_customer(customer_id: str) -> None:
    """Returns when a customer may have this id.

    Raises:
        InvalidRequest: no purchase could have it.
    """
    try:
        text_field({"customer_id": customer_id}, "customer_id", MAX_CUSTOMER_ID_BYTES)
    except InvalidPurchase as exc:
        raise InvalidRequest(exc.field, exc.reason) from exc


def _is_clean(text: str) -> bool:
    """Whether it can be printed; of invisible characters only joiners inside words may stand.

    Persian and Hindi words need them; anything else unseen makes two ids look like one.
    """
    visible = "".join(character for character in text if character not in _JOINERS)
    return visible.isprintable() and not {text[0], text[-1]} & _JOINERS


def _check_fields(raw: Mapping[str, object]) -> None:
    for field in raw:
        if field not in _KNOWN:
            raise InvalidPurchase(_name(field), "is not a field of a purchase")
    for field in _REQUIRED:
        if raw.get(field) is None:
            raise InvalidPurchase(field, "is missing")


def _check_currency(value: object, currency: Currency, *, optional: bool) -> None:
    if value is None and optional:
        return
    if value is None:
        raise InvalidPurchase("currency", f"is missing; this deployment counts {currency.code}")
    if value != currency.code:
        raise InvalidPurchase(
            "currency", f"is {_quote(value)}, but this deployment counts {currency.code} only"
        )


def _instant_field(value: object, now: int) -> int:
    field = "purchased_at"
    if not isinstance(value, str):
        raise InvalidPurchase(field, f"must be an RFC 3339 timestamp, not {_quote(value)}")
    try:
        purchased_at = instant.parse(value)
    except ValueError as exc:
        raise InvalidPurchase(field, f"{exc}, not {_quote(value)}") from exc
    if purchased_at < EARLIEST:
        raise InvalidPurchase(field, f"lies before {instant.render(EARLIEST)}")
    if purchased_at > now + CLOCK_SKEW_US:
        raise InvalidPurchase(
            field, f"lies more than {CLOCK_SKEW_US // MICROS_PER_SECOND} s in the future"
        )
    return purchased_at


def _amount_field(raw: Mapping[str, object], currency: Currency) -> int:
    minor, major = raw.get("amount_minor"), raw.get("amount")
    if (minor is None) == (major is None):
        raise InvalidPurchase("amount_minor", "is missing" if minor is None else "excludes amount")
    if major is not None:
        return _check_amount("amount", _to_minor(major, currency))
    if not isinstance(minor, int) or isinstance(minor, bool):
        raise InvalidPurchase(
            "amount_minor", f"must be an integer in minor units, not {_quote(minor)}"
        )
    return _check_amount("amount_minor", minor)


def _to_minor(major: object, currency: Currency) -> int:
    if not isinstance(major, Decimal | int) or isinstance(major, bool):
        raise InvalidPurchase("amount", f"must be a decimal number, not {_quote(major)}")
    try:
        return currency.to_minor(Decimal(major))
    except ValueError as exc:
        raise InvalidPurchase("amount", str(exc)) from exc


def _check_amount(field: str, amount_minor: int) -> int:
    if amount_minor < 0:
        raise InvalidPurchase(field, "is negative: a refund is not a purchase")
    if amount_minor > MAX_AMOUNT_MINOR:
        raise InvalidPurchase(field, f"is more than {MAX_AMOUNT_MINOR} minor units")
    return amount_minor


def _name(field: object) -> str:
    return (field if isinstance(field, str) else _quote(field))[:_QUOTED_CHARACTERS]


def _quote(value: object) -> str:
    """The value as its sender knows it, not as Python does."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        value = Decimal(repr(value))
    try:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    except ValueError:  # an integer of more digits than Python turns into text
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "..."

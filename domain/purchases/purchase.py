"""Purchase: one exact event, and the rules that raw input must meet to become one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import cast

from domain.errors import InvalidPurchase
from domain.purchases.conventions import STRICT, Conventions
from domain.purchases.identifiers import (
    MAX_CATEGORY_BYTES,
    MAX_CUSTOMER_ID_BYTES,
    MAX_PURCHASE_ID_BYTES,
    text_field,
)
from domain.purchases.quoting import QUOTED_CHARACTERS, quote
from domain.values import MICROS_PER_SECOND, Currency, instant

MAX_AMOUNT_MINOR = 10**12
"""Ten thousand million dollars in one purchase is an error of the producer."""
EARLIEST = instant.parse("2000-01-01T00:00:00Z")
"""Earlier instants come from unit mistakes, such as seconds read as microseconds."""
CLOCK_SKEW_US = 300 * MICROS_PER_SECOND
"""How far a producer's clock may run ahead of ours."""

_REQUIRED = ("customer_id", "purchase_id", "purchased_at", "category")
_KNOWN = frozenset((*_REQUIRED, "amount", "amount_minor", "currency"))


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
    raw: object, /, *, currency: Currency, now: int, conventions: Conventions = STRICT
) -> Purchase:
    """The purchase that `raw` describes, once every rule is met.

    Args:
        raw: a mapping with customer_id, purchase_id, purchased_at (RFC 3339), category,
            currency, and either amount_minor (int) or amount (Decimal or int, major units).
        currency: the deployment's one currency; another one is rejected, never summed.
        now: microseconds since the epoch, UTC; purchases lie at most CLOCK_SKEW_US after it.
        conventions: what `raw` may leave unsaid.

    Raises:
        InvalidPurchase: names the first field that breaks a rule, and the rule.
    """
    if not isinstance(raw, Mapping):
        raise InvalidPurchase("purchase", f"must be an object, not {quote(raw)}")
    return _purchase(cast("Mapping[str, object]", raw), currency, now, conventions)


def _purchase(
    raw: Mapping[str, object], currency: Currency, now: int, conventions: Conventions
) -> Purchase:
    as_written = conventions.ids_as_written
    _check_fields(raw)
    _check_currency(raw.get("currency"), currency, optional=conventions.default_currency)
    return Purchase(
        customer_id=text_field(raw, "customer_id", MAX_CUSTOMER_ID_BYTES, as_written=as_written),
        purchase_id=text_field(raw, "purchase_id", MAX_PURCHASE_ID_BYTES, as_written=as_written),
        purchased_at=_instant_field(raw["purchased_at"], now, conventions.timezone),
        category=text_field(raw, "category", MAX_CATEGORY_BYTES, as_written=as_written),
        amount_minor=_amount_field(raw, currency),
    )


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
            "currency", f"is {quote(value)}, but this deployment counts {currency.code} only"
        )


def _instant_field(value: object, now: int, timezone: tzinfo | None) -> int:
    field = "purchased_at"
    if not isinstance(value, str):
        raise InvalidPurchase(field, f"must be an RFC 3339 timestamp, not {quote(value)}")
    try:
        purchased_at = instant.parse(value, zone=timezone)
    except ValueError as exc:
        raise InvalidPurchase(field, f"{exc}, not {quote(value)}") from exc
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
            "amount_minor", f"must be an integer in minor units, not {quote(minor)}"
        )
    return _check_amount("amount_minor", minor)


def _to_minor(major: object, currency: Currency) -> int:
    if not isinstance(major, Decimal | int) or isinstance(major, bool):
        raise InvalidPurchase("amount", f"must be a decimal number, not {quote(major)}")
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
    return (field if isinstance(field, str) else quote(field))[:QUOTED_CHARACTERS]

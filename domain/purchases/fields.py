"""The fields that purchases and refunds share: read, and refused by name."""

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal

from domain.errors import InvalidPurchase
from domain.purchases.quoting import QUOTED_CHARACTERS, quote
from domain.values import MICROS_PER_SECOND, Currency, instant

MAX_AMOUNT_MINOR = 10**12
"""Ten thousand million dollars in one purchase is an error of the producer."""
EARLIEST = instant.parse("2000-01-01T00:00:00Z")
"""Earlier instants come from unit mistakes, such as seconds read as microseconds."""
CLOCK_SKEW_US = 300 * MICROS_PER_SECOND
"""How far a producer's clock may run ahead of ours."""


def check_fields(
    raw: Mapping[str, object], known: Collection[str], required: Sequence[str], what: str
) -> None:
    """Returns when nothing is unknown and nothing is missing.

    Raises:
        InvalidPurchase: names the first field that is either.
    """
    for field in raw:
        if field not in known:
            raise InvalidPurchase(_name(field), f"is not a field of a {what}")
    for field in required:
        if raw.get(field) is None:
            raise InvalidPurchase(field, "is missing")


def check_currency(value: object, currency: Currency, *, optional: bool) -> None:
    """Returns when the currency is the deployment's own, or may be left out and is.

    Raises:
        InvalidPurchase: it is another one.
    """
    if value is None and optional:
        return
    if value is None:
        raise InvalidPurchase("currency", f"is missing; this deployment counts {currency.code}")
    if value != currency.code:
        raise InvalidPurchase(
            "currency", f"is {quote(value)}, but this deployment counts {currency.code} only"
        )


def instant_field(
    raw: Mapping[str, object], field: str, *, now: int, timezone: tzinfo | None
) -> int:
    """A believable instant in microseconds since the epoch, UTC.

    Raises:
        InvalidPurchase: no timestamp, before EARLIEST, or more than CLOCK_SKEW_US after `now`.
    """
    value = raw[field]
    if not isinstance(value, str):
        raise InvalidPurchase(field, f"must be an RFC 3339 timestamp, not {quote(value)}")
    try:
        at = instant.parse(value, zone=timezone)
    except ValueError as exc:
        raise InvalidPurchase(field, f"{exc}, not {quote(value)}") from exc
    if at < EARLIEST:
        raise InvalidPurchase(field, f"lies before {instant.render(EARLIEST)}")
    if at > now + CLOCK_SKEW_US:
        raise InvalidPurchase(
            field, f"lies more than {CLOCK_SKEW_US // MICROS_PER_SECOND} s in the future"
        )
    return at


def amount_field(raw: Mapping[str, object], currency: Currency) -> int:
    """The amount in minor units, from 0 to MAX_AMOUNT_MINOR.

    Raises:
        InvalidPurchase: none or two are given, it is no number of that range, or too fine.
    """
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
        raise InvalidPurchase(
            field, "is negative; what was given back is a refund of a positive amount"
        )
    if amount_minor > MAX_AMOUNT_MINOR:
        raise InvalidPurchase(field, f"is more than {MAX_AMOUNT_MINOR} minor units")
    return amount_minor


def _name(field: object) -> str:
    return (field if isinstance(field, str) else quote(field))[:QUOTED_CHARACTERS]

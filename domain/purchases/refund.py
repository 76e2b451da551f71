"""Refund: a part or the whole of a purchase, given back at an instant.

A cancellation says that the purchase never was. A refund says that it was. Features see the whole
purchase until the refund, and what is left of it from then on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from domain.errors import InvalidPurchase
from domain.purchases.conventions import STRICT, Conventions
from domain.purchases.fields import amount_field, check_currency, check_fields, instant_field
from domain.purchases.identifiers import (
    MAX_CATEGORY_BYTES,
    MAX_CUSTOMER_ID_BYTES,
    MAX_PURCHASE_ID_BYTES,
    text_field,
)
from domain.purchases.quoting import quote
from domain.values import Currency

MAX_REFUNDS = 50
"""Of one purchase: each makes its item larger, and every read of it dearer."""
_IDS = ("customer_id", "refund_id")
_AT = ("refunded_at",)
_SO_FAR = "refunded_so_far"
_KNOWN = frozenset((*_IDS, *_AT, "purchase_id", "category", "amount", "amount_minor", "currency"))


@dataclass(frozen=True, slots=True, order=True)
class Refund:
    """What was given back of one purchase; unique by its id within the purchase.

    Units: `refunded_at` in microseconds since the epoch, UTC; `amount_minor` in minor units, more
    than 0. One that is dated before its purchase holds from the purchase on.
    """

    refunded_at: int
    refund_id: str
    amount_minor: int


def refunded_minor(refunds: Iterable[Refund], *, until: int | None = None) -> int:
    """How much was given back, up to that instant or in all; minor units."""
    return sum(r.amount_minor for r in refunds if until is None or r.refunded_at <= until)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRefund:
    """A refund as it was sent, once every rule is met.

    Without `purchase_id` the purchase is to be found, one in `category`. Not `dated`: the instant
    was not sent, so it is the one at which we learn of it. `so_far`: the amount is all that was
    given back of the purchase until now, of which a part may be known.
    """

    customer_id: str
    purchase_id: str | None
    category: str | None
    refund: Refund
    dated: bool
    so_far: bool


def parse_refund(
    raw: object, /, *, currency: Currency, now: int, conventions: Conventions = STRICT
) -> SentRefund:
    """The refund that `raw` describes, once every rule is met.

    Args:
        raw: a mapping with customer_id, refund_id, refunded_at (RFC 3339), currency, and either
            amount_minor (int) or amount (Decimal or int, major units); purchase_id, or the
            category to find it by. Where conventions allow it, refunded_at may be left out, and
            refunded_so_far (Decimal or int, major units) may stand in for the amount.
        currency: the deployment's one currency.
        now: microseconds since the epoch, UTC.
        conventions: what `raw` may leave unsaid.

    Raises:
        InvalidPurchase: names the first field that breaks a rule, and the rule.
    """
    if not isinstance(raw, Mapping):
        raise InvalidPurchase("refund", f"must be an object, not {quote(raw)}")
    return _refund(cast("Mapping[str, object]", raw), currency, now, conventions)


def _refund(
    raw: Mapping[str, object], currency: Currency, now: int, conventions: Conventions
) -> SentRefund:
    matched = conventions.refunds_matched and raw.get("purchase_id") is None
    dated = raw.get("refunded_at") is not None or not conventions.refunds_undated
    required = [*_IDS, "category" if matched else "purchase_id", *_AT[:dated]]
    so_far = conventions.refunds_undated and raw.get(_SO_FAR) is not None
    known = _KNOWN if conventions.refunds_matched else _KNOWN - {"category"}
    check_fields(raw, known | {_SO_FAR} if so_far else known, required, "refund")
    check_currency(raw.get("currency"), currency, optional=conventions.default_currency)

    def text(field: str, most: int) -> str:
        return text_field(raw, field, most, as_written=conventions.ids_as_written)

    at = instant_field(raw, *_AT, now=now, timezone=conventions.timezone) if dated else now
    amount = amount_field({"amount": raw[_SO_FAR]} if so_far else raw, currency)
    refund = Refund(at, text("refund_id", MAX_PURCHASE_ID_BYTES), amount)
    if not refund.amount_minor:
        raise InvalidPurchase("amount_minor", "is 0: that refunds nothing")
    return SentRefund(
        customer_id=text("customer_id", MAX_CUSTOMER_ID_BYTES),
        purchase_id=None if matched else text("purchase_id", MAX_PURCHASE_ID_BYTES),
        category=text("category", MAX_CATEGORY_BYTES) if matched else None,
        refund=refund,
        dated=dated,
        so_far=so_far,
    )

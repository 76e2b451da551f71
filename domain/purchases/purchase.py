"""Purchase: one exact event, and the rules that raw input must meet to become one."""

import hashlib
import json
from collections.abc import Mapping
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
from domain.purchases.refund import Refund
from domain.values import Currency

_REQUIRED = ("customer_id", "purchase_id", "purchased_at", "category")
_KNOWN = frozenset((*_REQUIRED, "amount", "amount_minor", "currency"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One purchase of one customer; unique by (customer_id, purchase_id).

    Units: `purchased_at` in microseconds since the epoch, UTC; `amount_minor` in minor units of
    the deployment's one currency. Zero is an amount: what a coupon paid for was bought all the
    same. `refunds` are those known so far, in their order; they never exceed the amount.
    """

    customer_id: str
    purchase_id: str
    purchased_at: int
    category: str
    amount_minor: int
    refunds: tuple[Refund, ...] = ()

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
    check_fields(raw, _KNOWN, _REQUIRED, "purchase")
    check_currency(raw.get("currency"), currency, optional=conventions.default_currency)
    return Purchase(
        customer_id=text_field(raw, "customer_id", MAX_CUSTOMER_ID_BYTES, as_written=as_written),
        purchase_id=text_field(raw, "purchase_id", MAX_PURCHASE_ID_BYTES, as_written=as_written),
        purchased_at=instant_field(raw, "purchased_at", now=now, timezone=conventions.timezone),
        category=text_field(raw, "category", MAX_CATEGORY_BYTES, as_written=as_written),
        amount_minor=amount_field(raw, currency),
    )

"""Refund a purchase: the one that is named, or the one that a credit note must be about."""

from dataclasses import dataclass, replace

from domain.errors import Conflict, InvalidPurchase
from domain.purchases.conventions import STRICT, Conventions
from domain.purchases.fields import CLOCK_SKEW_US
from domain.purchases.ports import PurchaseHistory, PurchaseRefunder, Refunding
from domain.purchases.purchase import Purchase
from domain.purchases.refund import MAX_REFUNDS, SentRefund, parse_refund, refunded_minor
from domain.retention import FOR_EVER, PurchaseRetention
from domain.values import Clock, Currency

WHY_REFUSED = {
    Refunding.CONFLICT: ("refund_id", "another refund of this purchase has this id"),
    Refunding.EXCESS: (
        "amount_minor",
        f"gives back more than is left of the purchase, or it has {MAX_REFUNDS} refunds already",
    ),
}


def check_refunded(refunding: Refunding) -> None:
    """Returns when the refund is recorded, or need not be.

    Raises:
        Conflict: it clashes with what is stored; says how.
    """
    if refunding in WHY_REFUSED:
        raise Conflict(" ".join(WHY_REFUSED[refunding]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPurchase:
    """Validates a refund and records it. Idempotent; may arrive before the purchase."""

    refunder: PurchaseRefunder
    history: PurchaseHistory
    clock: Clock
    currency: Currency
    retention: PurchaseRetention = FOR_EVER

    async def __call__(self, raw: object, /, *, conventions: Conventions = STRICT) -> Refunding:
        """What became of the refund.

        Raises:
            InvalidPurchase: it breaks a rule, or no purchase can be found for it.
            StoreUnavailable: it may or may not be recorded; sending it again is safe.
        """
        now = self.clock()
        sent = parse_refund(raw, currency=self.currency, now=now, conventions=conventions)
        if sent.refund.refunded_at <= self.retention.taken_after(now):
            raise InvalidPurchase(
                "refunded_at",
                f"is {self.retention.days} days ago or more; purchases are not kept that long",
            )
        purchase_id = sent.purchase_id or await self._found(sent, now)
        refund = sent.refund
        if sent.so_far:
            refund = replace(
                refund,
                amount_minor=refund.amount_minor - await self._known(sent, purchase_id, now),
                refund_id=f"{refund.refund_id}-{refund.amount_minor}",
            )
        if refund.amount_minor <= 0:
            return Refunding.DUPLICATE
        return await self.refunder.refund(sent.customer_id, purchase_id, refund, dated=sent.dated)

    async def _known(self, sent: SentRefund, purchase_id: str, now: int) -> int:
        """How much of the purchase is known to be given back; minor units."""
        purchases = await self.history.between(
            sent.customer_id, after=self.retention.taken_after(now), until=now + CLOCK_SKEW_US
        )
        return sum(refunded_minor(p.refunds) for p in purchases if p.purchase_id == purchase_id)

    async def _found(self, sent: SentRefund, now: int) -> str:
        purchases = await self.history.between(
            sent.customer_id, after=self.retention.taken_after(now), until=sent.refund.refunded_at
        )
        for purchase in purchases:
            if any(known.refund_id == sent.refund.refund_id for known in purchase.refunds):
                return purchase.purchase_id
        amount = sent.refund.amount_minor
        left = {
            purchase.purchase_id: _left(purchase)
            for purchase in purchases
            if purchase.category == sent.category and _left(purchase) >= amount
        }
        if not left:
            raise InvalidPurchase(
                "refund_of",
                f"is missing, and no purchase of this customer in this category has {amount} minor "
                "units left to give back at that time",
            )
        exact = [purchase_id for purchase_id, minor in left.items() if minor == amount]
        return (exact or list(left))[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRefund:
    """Validates a refund. Whether a purchase can be found for it, only the store knows."""

    clock: Clock
    currency: Currency

    async def __call__(self, raw: object, /, *, conventions: Conventions = STRICT) -> Refunding:
        """As if it were recorded.

        Raises:
            InvalidPurchase: it breaks a rule.
        """
        parse_refund(raw, currency=self.currency, now=self.clock(), conventions=conventions)
        return Refunding.RECORDED


def _left(purchase: Purchase) -> int:
    return purchase.amount_minor - refunded_minor(purchase.refunds)

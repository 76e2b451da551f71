"""Refunds: each stands in its purchase's item, and in the recent item beside the purchase."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pynamodb.expressions.update import Action

from adapters.dynamodb.purchases.ends import without
from adapters.dynamodb.purchases.history import stored_purchase, stored_refunds
from adapters.dynamodb.purchases.items import (
    purchase_key,
    refund_map,
    stored_item,
    unchanged,
    waiting_expiry,
)
from adapters.dynamodb.purchases.transactions import Transactions
from adapters.dynamodb.recent import RecentUpdate, RetentionMarks, is_suppressed
from adapters.dynamodb.schema import Expression, keyed
from adapters.dynamodb.wire import Deadline, DynamoClient, condition_failed, pause_or_raise
from domain.errors import CorruptRecord
from domain.purchases import MAX_REFUNDS, Refund, Refunding, counts, refunded_minor
from domain.retention import Retention
from domain.values import Clock


class DynamoPurchaseRefunder:
    """PurchaseRefunder on one TransactWriteItems: the purchase and the recent item, or neither."""

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: Retention) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention
        self._marks = RetentionMarks(client, clock=clock, retention=retention)
        self._transactions = Transactions(client)

    async def refund(
        self, customer_id: str, purchase_id: str, refund: Refund, /, *, dated: bool
    ) -> Refunding:
        """What became of it; see the port."""
        deadline = self._client.write_deadline()
        await self._marks.mark(deadline)
        pauses = deadline.pauses()
        recent: Mapping[str, Any] | None = None
        key = (customer_id, purchase_id)
        while True:
            stored = await stored_item(self._client, key, deadline)
            if (known := _known(stored, refund, dated=dated)) is not None:
                return known
            update = await self._recent(key, stored, refund, recent, deadline)
            part = self._part(key, stored, refund, update.now)
            refusal = await self._transactions.commit([part], update, deadline)
            if refusal is None:
                return Refunding.RECORDED if "fingerprint" in stored else Refunding.WAITING
            recent = refusal.recent
            if is_suppressed(recent, update.now):
                return Refunding.ERASED
            if recent is None and not any(map(condition_failed, refusal.of_purchases)):
                await pause_or_raise(pauses, refusal.failure)
            # else somebody was quicker, recording it or refunding: look again

    async def _recent(
        self,
        key: tuple[str, str],
        stored: Mapping[str, Any],
        refund: Refund,
        recent: Mapping[str, Any] | None,
        deadline: Deadline,
    ) -> RecentUpdate:
        """The update of the recent item; where the whole purchase goes, of the one that is stored."""
        now = self._clock()
        if "fingerprint" not in stored:
            return RecentUpdate(customer_id=key[0], now=now, retention=self._retention)
        purchase = stored_purchase(stored, key[0])
        update = RecentUpdate.of_refund(purchase, refund, now=now, retention=self._retention)
        if not counts(replace(purchase, refunds=(*purchase.refunds, refund))):
            return await without(self._client, update, purchase, deadline)
        return update.on(recent)

    def _part(
        self, key: tuple[str, str], stored: Mapping[str, Any], refund: Refund, now: int
    ) -> dict[str, Any]:
        model = self._client.purchases
        actions: list[Action] = []
        if "fingerprint" not in stored:
            actions = waiting_expiry(model, self._retention, now)
        added = [refund_map(each) for each in (*stored_refunds(stored), refund)]
        expression = Expression(
            condition=unchanged(model, stored), actions=[model.refunds.set(added), *actions]
        )
        return {"Update": keyed(model, purchase_key(key), **expression.filled())}


def _known(stored: Mapping[str, Any], refund: Refund, *, dated: bool) -> Refunding | None:
    """What the refund is already, or why it cannot be added; None: it can."""
    if "cancelled_at" in stored:
        return Refunding.CANCELLED
    refunds = stored_refunds(stored)
    if stored and "fingerprint" not in stored and not refunds:
        raise CorruptRecord("what is stored under the id of a purchase is none")
    for known in refunds:
        if known.refund_id == refund.refund_id:
            same = known.amount_minor == refund.amount_minor and (
                not dated or known.refunded_at == refund.refunded_at
            )
            return Refunding.DUPLICATE if same else Refunding.CONFLICT
    if len(refunds) >= MAX_REFUNDS:
        return Refunding.EXCESS
    if "fingerprint" in stored:
        paid = int(stored["amount_minor"]["N"])
        if refunded_minor(refunds) + refund.amount_minor > paid:
            return Refunding.EXCESS
    return None

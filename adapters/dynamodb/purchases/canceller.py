"""Cancelled purchases: the item stays as a tombstone, in no index, and the recent element goes."""

from collections.abc import Mapping
from typing import Any

from pynamodb.expressions.update import Action

from adapters.dynamodb.purchases.ends import without
from adapters.dynamodb.purchases.history import stored_purchase
from adapters.dynamodb.purchases.items import purchase_key, stored_item, unchanged, waiting_expiry
from adapters.dynamodb.purchases.transactions import Transactions
from adapters.dynamodb.recent import RecentUpdate, RetentionMarks, is_suppressed
from adapters.dynamodb.schema import Expression, keyed
from adapters.dynamodb.wire import Deadline, DynamoClient, condition_failed, pause_or_raise
from domain.errors import CorruptRecord
from domain.purchases import Cancelling
from domain.retention import Retention
from domain.values import Clock

_GONE = ("purchased_at", "category", "amount_minor", "category_shard", "fingerprint", "refunds")


class DynamoPurchaseCanceller:
    """PurchaseCanceller on one TransactWriteItems: tombstone and recent item, or neither."""

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: Retention) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention
        self._marks = RetentionMarks(client, clock=clock, retention=retention)
        self._transactions = Transactions(client)

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        """Whether this call cancelled the purchase; see the port."""
        deadline = self._client.write_deadline()
        await self._marks.mark(deadline)
        pauses = deadline.pauses()
        while True:
            stored = await stored_item(self._client, (customer_id, purchase_id), deadline)
            if "cancelled_at" in stored:
                return Cancelling.ALREADY_CANCELLED
            if stored and "fingerprint" not in stored and "refunds" not in stored:
                raise CorruptRecord("what is stored under the id of a purchase is none")
            recent = await self._recent(customer_id, stored, deadline)
            tombstone = self._tombstone((customer_id, purchase_id), stored, recent.now)
            refusal = await self._transactions.commit([tombstone], recent, deadline)
            if refusal is None:
                return Cancelling.CANCELLED
            if is_suppressed(refusal.recent, recent.now):
                return Cancelling.ERASED
            if refusal.recent is None and not any(map(condition_failed, refusal.of_purchases)):
                await pause_or_raise(pauses, refusal.failure)
            # else somebody was quicker, recording it or cancelling it: look again

    def _tombstone(
        self, key: tuple[str, str], stored: Mapping[str, Any], now: int
    ) -> dict[str, Any]:
        model = self._client.purchases
        expression = Expression(
            condition=unchanged(model, stored),
            actions=[
                model.cancelled_at.set(now),
                *(getattr(model, name).remove() for name in _GONE),
                *self._expiry(stored, now),
            ],
        )
        return {"Update": keyed(model, purchase_key(key), **expression.filled())}

    def _expiry(self, stored: Mapping[str, Any], now: int) -> list[Action]:
        """The tombstone is dropped once its purchase would not be taken any more."""
        latest = int(stored["purchased_at"]["N"]) if "fingerprint" in stored else None
        return waiting_expiry(self._client.purchases, self._retention, now, latest=latest)

    async def _recent(
        self, customer_id: str, stored: Mapping[str, Any], deadline: Deadline
    ) -> RecentUpdate:
        """The update of the recent item, as it is stored."""
        now = self._clock()
        if "fingerprint" not in stored:
            return RecentUpdate(customer_id=customer_id, now=now, retention=self._retention)
        purchase = stored_purchase(stored, customer_id)
        update = RecentUpdate.of_cancellation(purchase, now=now, retention=self._retention)
        return await without(self._client, update, purchase, deadline)

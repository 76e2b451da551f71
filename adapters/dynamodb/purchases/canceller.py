"""Cancelled purchases: the item stays as a tombstone, in no index, and the recent element goes."""

from collections.abc import Mapping
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from adapters.dynamodb.purchases.ends import without
from adapters.dynamodb.purchases.history import stored_purchase
from adapters.dynamodb.purchases.items import stored_item, unchanged, waiting_expiry
from adapters.dynamodb.recent import RecentUpdate, RetentionMarks, is_suppressed, stored_recent
from adapters.dynamodb.wire import (
    Deadline,
    DynamoClient,
    cancellation_reasons,
    condition_failed,
    pause_or_raise,
)
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

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        """Whether this call cancelled the purchase; see the port."""
        deadline = self._client.write_deadline()
        await self._marks.mark(deadline)
        pauses = deadline.pauses()
        while True:
            stored = await self._client.retried(
                deadline, stored_item, self._client, (customer_id, purchase_id)
            )
            if "cancelled_at" in stored:
                return Cancelling.ALREADY_CANCELLED
            if stored and "fingerprint" not in stored and "refunds" not in stored:
                raise CorruptRecord("what is stored under the id of a purchase is none")
            recent = await self._recent(customer_id, stored, deadline)
            try:
                await self._client.once(
                    deadline, self._transact, (customer_id, purchase_id), stored, recent
                )
            except TransactWriteError as exc:
                of_purchase, of_recent = recent.sorted_out(cancellation_reasons(exc))
                refused = await stored_recent(self._client, recent, of_recent, deadline)
                if is_suppressed(refused, recent.now):
                    return Cancelling.ERASED
                if refused is None and not any(map(condition_failed, of_purchase)):
                    await pause_or_raise(pauses, exc)
                # else somebody was quicker, recording it or cancelling it: look again
            else:
                return Cancelling.CANCELLED

    def _transact(
        self, key: tuple[str, str], stored: Mapping[str, Any], recent: RecentUpdate
    ) -> None:
        model, now = self._client.purchases, recent.now
        with TransactWrite(connection=self._client.connection) as transaction:
            transaction.update(
                model(*key),
                actions=[
                    model.cancelled_at.set(now),
                    *(getattr(model, name).remove() for name in _GONE),
                    *self._expiry(stored, now),
                ],
                condition=unchanged(model, stored),
            )
            recent.add_to(transaction, self._client.recent)

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

"""Cancelled purchases: the item stays as a tombstone, in no index, and the recent element goes."""

from collections.abc import Mapping, Sequence
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from adapters.dynamodb.purchases.history import stored_purchase
from adapters.dynamodb.purchases.items import stored_item, unchanged, waiting_expiry
from adapters.dynamodb.recent import RetentionMarks, forget_actions, is_taken, write_actions
from adapters.dynamodb.schema import day_attribute, encode_elements
from adapters.dynamodb.wire import (
    DynamoClient,
    cancellation_reasons,
    condition_failed,
    pause_or_raise,
)
from domain.errors import CorruptRecord
from domain.purchases import Cancelling
from domain.retention import Retention
from domain.values import Clock, day_of

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
            now = self._clock()
            recent = self._recent(customer_id, stored, now)
            try:
                await self._client.once(
                    deadline, self._transact, (customer_id, purchase_id), stored, now, recent
                )
            except TransactWriteError as exc:
                reasons = cancellation_reasons(exc)
                if reasons and condition_failed(reasons[-1 if recent else 0]):
                    return Cancelling.ERASED
                if not any(map(condition_failed, reasons)):
                    await pause_or_raise(pauses, exc)
                # else somebody was quicker, recording it or cancelling it: look again
            else:
                return Cancelling.CANCELLED

    def _transact(
        self,
        key: tuple[str, str],
        stored: Mapping[str, Any],
        now: int,
        recent_actions: Sequence[Action],
    ) -> None:
        model, recent = self._client.purchases, self._client.recent
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
            taken, customer_id = is_taken(recent, now), key[0]
            if recent_actions:
                transaction.update(
                    recent(customer_id), actions=list(recent_actions), condition=taken
                )
            else:  # a tombstone must not slip past an erasure
                transaction.condition_check(recent, customer_id, condition=taken)

    def _expiry(self, stored: Mapping[str, Any], now: int) -> list[Action]:
        """The tombstone is dropped once its purchase would not be taken any more."""
        latest = int(stored["purchased_at"]["N"]) if "fingerprint" in stored else None
        return waiting_expiry(self._client.purchases, self._retention, now, latest=latest)

    def _recent(self, customer_id: str, stored: Mapping[str, Any], now: int) -> list[Action]:
        """The element of the recent item goes too; of a day with an overflow mark that stays.

        It is a write as any other, of a customer without an item too: whatever else depends on
        the last write goes on to hold.
        """
        if "fingerprint" not in stored:
            return []
        purchase = stored_purchase(stored, customer_id)
        oldest, day = self._retention.oldest_day(now), day_of(purchase.purchased_at)
        actions = write_actions(self._client.recent, day_of(now), self._retention)
        actions += forget_actions(oldest, self._retention)
        if day >= oldest:
            path = Path(day_attribute(day))
            actions.append(path.delete({"SS": encode_elements(purchase)}))
        return actions

"""The purchases table, written: each purchase once, in one transaction with its recent item."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from adapters.dynamodb.categories import KnownCategories
from adapters.dynamodb.purchases.history import stored_refunds
from adapters.dynamodb.purchases.items import refund_map, refunds_are
from adapters.dynamodb.recent import RecentUpdate, RetentionMarks, is_suppressed, stored_recent
from adapters.dynamodb.schema import category_shard, ttl_seconds
from adapters.dynamodb.wire import (
    Deadline,
    DynamoClient,
    cancellation_reasons,
    condition_failed,
    pause_or_raise,
)
from domain.errors import CorruptRecord
from domain.purchases import Purchase, Recording, refunded_minor
from domain.retention import Retention
from domain.values import Clock, day_of

Item: TypeAlias = Mapping[str, Any]
MAX_TRANSACTION_PUTS = 99
"""One action of the hundred is of the recent purchases. Source: AWS, TransactWriteItems."""


MAX_TRANSACTION_DAYS = 40
"""Each day costs five of the 300 operators of a condition. Source: AWS, expression limits."""


class DynamoPurchaseRecorder:
    """PurchaseRecorder on one TransactWriteItems per customer: purchases and recent item, or neither."""

    def __init__(
        self, client: DynamoClient, *, clock: Clock, retention: Retention, shards: int
    ) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention
        self._marks = RetentionMarks(client, clock=clock, retention=retention)
        self._categories = KnownCategories(client, shards=shards)

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        """One outcome per purchase, in order; see the port."""
        deadline = self._client.write_deadline()
        await self._marks.mark(deadline)
        await self._categories.add({(p.category, p.customer_id) for p in purchases}, deadline)
        recordings: dict[str, Recording] = {}
        for chunk in _transactions(purchases):
            recordings |= await self._record_chunk(chunk, deadline)
        return [recordings[purchase.purchase_id] for purchase in purchases]

    async def _record_chunk(
        self, chunk: Sequence[Purchase], deadline: Deadline
    ) -> dict[str, Recording]:
        recordings: dict[str, Recording] = {}
        pending = list(chunk)
        stored: Item | None = None
        pauses = deadline.pauses()
        while pending:
            update = RecentUpdate.of_purchases(
                pending, now=self._clock(), retention=self._retention
            ).on(stored)
            failure = await self._attempt(pending, update, deadline)
            if failure is None:
                return recordings | dict.fromkeys(_ids(pending), Recording.RECORDED)
            of_purchases, of_recent = update.sorted_out(cancellation_reasons(failure))
            refused = await stored_recent(self._client, update, of_recent, deadline)
            if is_suppressed(refused, update.now):
                return recordings | dict.fromkeys(_ids(pending), Recording.ERASED)
            stored = stored if refused is None else refused
            if waited := _with_refunds(pending, of_purchases):
                pending = [waited.get(p.purchase_id, p) for p in pending]
            elif known := _already_stored(pending, of_purchases):
                recordings |= known
                pending = [p for p in pending if p.purchase_id not in known]
            elif refused is None:
                await pause_or_raise(pauses, failure)
        return recordings

    async def _attempt(
        self, pending: Sequence[Purchase], update: RecentUpdate, deadline: Deadline
    ) -> Exception | None:
        """None once the transaction is committed, else why it was not (or may not have been)."""
        try:
            await self._client.once(deadline, self._transact, pending, update)
        except TransactWriteError as exc:
            return exc
        return None

    def _transact(self, pending: Sequence[Purchase], update: RecentUpdate) -> None:
        model = self._client.purchases
        absent = model.purchase_id.does_not_exist()
        with TransactWrite(connection=self._client.connection) as transaction:
            for purchase in pending:
                condition = absent
                if known := len(purchase.refunds):
                    condition = model.fingerprint.does_not_exist() & refunds_are(model, known)
                transaction.save(self._row(purchase), condition=condition, return_values="ALL_OLD")
            update.add_to(transaction, self._client.recent)

    def _row(self, purchase: Purchase) -> Any:
        category, customer = purchase.category, purchase.customer_id
        partitions = self._categories.partitions(category)
        expires = self._retention.purchases.expires(purchase.purchased_at)
        return self._client.purchases(
            customer_id=customer,
            purchase_id=purchase.purchase_id,
            purchased_at=purchase.purchased_at,
            category=category,
            amount_minor=purchase.amount_minor,
            category_shard=category_shard(category, customer, partitions),
            fingerprint=purchase.fingerprint,
            refunds=[refund_map(refund) for refund in purchase.refunds] or None,
            expires_at=None if expires is None else ttl_seconds(expires),
        )


def _transactions(purchases: Sequence[Purchase]) -> Iterator[Sequence[Purchase]]:
    """The purchases in groups that fit into one transaction each."""
    group: list[Purchase] = []
    days: set[int] = set()
    for purchase in sorted(purchases, key=lambda p: p.purchased_at):
        days.add(day_of(purchase.purchased_at))
        if len(group) == MAX_TRANSACTION_PUTS or len(days) > MAX_TRANSACTION_DAYS:
            yield group
            group, days = [], {day_of(purchase.purchased_at)}
        group.append(purchase)
    if group:
        yield group


def _with_refunds(pending: Sequence[Purchase], reasons: Sequence[Any]) -> dict[str, Purchase]:
    """The purchases for which other refunds wait than they were tried with, with those.

    Refunds of more than the purchase leave it as it is: it is then in conflict with them.
    """
    found: dict[str, Purchase] = {}
    for purchase, reason in zip(pending, reasons, strict=False):
        stored = (condition_failed(reason) and reason.raw_item) or {}
        if "fingerprint" not in stored and "refunds" in stored:
            refunds = stored_refunds(stored)
            if refunds != purchase.refunds and refunded_minor(refunds) <= purchase.amount_minor:
                found[purchase.purchase_id] = replace(purchase, refunds=refunds)
    return found


def _already_stored(pending: Sequence[Purchase], reasons: Sequence[Any]) -> dict[str, Recording]:
    """The outcome of each purchase whose id the table holds already."""
    known: dict[str, Recording] = {}
    for purchase, reason in zip(pending, reasons, strict=False):
        if condition_failed(reason):
            if reason.raw_item is None:
                raise CorruptRecord("the store refused a purchase without naming the stored one")
            if "cancelled_at" in reason.raw_item:
                known[purchase.purchase_id] = Recording.CANCELLED
                continue
            # A row without a fingerprint is not this purchase, whatever else it may be.
            stored = reason.raw_item.get("fingerprint", {}).get("S")
            same = stored == purchase.fingerprint
            known[purchase.purchase_id] = Recording.DUPLICATE if same else Recording.CONFLICT
    return known


def _ids(purchases: Sequence[Purchase]) -> list[str]:
    return [purchase.purchase_id for purchase in purchases]

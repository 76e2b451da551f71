"""The purchases table, written: each purchase once, in one transaction with its recent item."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

from adapters.dynamodb.categories import KnownCategories
from adapters.dynamodb.purchases.history import stored_refunds
from adapters.dynamodb.purchases.items import refund_map, refunds_are
from adapters.dynamodb.purchases.sharing import SharedTransactions
from adapters.dynamodb.purchases.transactions import Transactions
from adapters.dynamodb.recent import RecentUpdate, RetentionMarks, is_suppressed
from adapters.dynamodb.schema import (
    Expression,
    PurchaseRow,
    category_shard,
    item_of,
    put,
    ttl_seconds,
)
from adapters.dynamodb.wire import Deadline, DynamoClient, Reason, condition_failed, pause_or_raise
from domain.errors import CorruptRecord
from domain.purchases import Purchase, Recording, refunded_minor
from domain.retention import Retention
from domain.values import Clock, day_of

Item: TypeAlias = Mapping[str, Any]
MAX_TRANSACTION_PUTS = 99
"""One action of the hundred is of the recent purchases. Source: AWS, TransactWriteItems."""


_REFUSED = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
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
        self._transactions = Transactions(client, together=client.options.customers_together)
        self._shared = SharedTransactions(self._record_all)

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        """One outcome per purchase, in order; see the port."""
        deadline = self._client.write_deadline()
        await self._marks.mark(deadline)
        await self._categories.add({(p.category, p.customer_id) for p in purchases}, deadline)
        if not purchases:
            return []
        recordings = await self._shared.record(purchases, deadline)
        return [recordings[purchase.purchase_id] for purchase in purchases]

    async def _record_all(
        self, purchases: Sequence[Purchase], deadline: Deadline
    ) -> dict[str, Recording]:
        recordings: dict[str, Recording] = {}
        for chunk in _transactions(purchases):
            recordings |= await self._record_chunk(chunk, deadline)
        return recordings

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
            parts = [self._part(purchase) for purchase in pending]
            refusal = await self._transactions.commit(parts, update, deadline)
            if refusal is None:
                return recordings | dict.fromkeys(_ids(pending), Recording.RECORDED)
            of_purchases, refused = refusal.of_purchases, refusal.recent
            if is_suppressed(refused, update.now):
                return recordings | dict.fromkeys(_ids(pending), Recording.ERASED)
            stored = stored if refused is None else refused
            if waited := _with_refunds(pending, of_purchases):
                pending = [waited.get(p.purchase_id, p) for p in pending]
            elif known := _already_stored(pending, of_purchases):
                recordings |= known
                pending = [p for p in pending if p.purchase_id not in known]
            elif refused is None and not refusal.innocent:
                await pause_or_raise(pauses, refusal.failure)
        return recordings

    def _part(self, purchase: Purchase) -> dict[str, Any]:
        """The first parts of a transaction: a purchase that is new, with the refunds that wait for it."""
        model = self._client.purchases
        condition = _new_with(len(purchase.refunds)).filled()
        return {"Put": put(model, self._item(purchase), **condition, **_REFUSED)}

    def _item(self, purchase: Purchase) -> Item:
        category, customer = purchase.category, purchase.customer_id
        partitions = self._categories.partitions(category)
        expires = self._retention.purchases.expires(purchase.purchased_at)
        return item_of(
            self._client.purchases,
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


@lru_cache(maxsize=64)
def _new_with(refunds: int) -> Expression:
    """That a purchase is not stored, and that so many refunds wait for it."""
    model = PurchaseRow
    if not refunds:
        return Expression(condition=model.purchase_id.does_not_exist())
    return Expression(condition=model.fingerprint.does_not_exist() & refunds_are(model, refunds))


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


def _with_refunds(pending: Sequence[Purchase], reasons: Sequence[Reason]) -> dict[str, Purchase]:
    """The purchases for which other refunds wait than they were tried with, with those.

    Refunds of more than the purchase leave it as it is: it is then in conflict with them.
    """
    found: dict[str, Purchase] = {}
    for purchase, reason in zip(pending, reasons, strict=False):
        stored = (condition_failed(reason) and reason.get("Item")) or {}
        if "fingerprint" not in stored and "refunds" in stored:
            refunds = stored_refunds(stored)
            if refunds != purchase.refunds and refunded_minor(refunds) <= purchase.amount_minor:
                found[purchase.purchase_id] = replace(purchase, refunds=refunds)
    return found


def _already_stored(pending: Sequence[Purchase], reasons: Sequence[Reason]) -> dict[str, Recording]:
    """The outcome of each purchase whose id the table holds already."""
    known: dict[str, Recording] = {}
    for purchase, reason in zip(pending, reasons, strict=False):
        if condition_failed(reason):
            item: Item | None = reason.get("Item")
            if item is None:
                raise CorruptRecord("the store refused a purchase without naming the stored one")
            if "cancelled_at" in item:
                known[purchase.purchase_id] = Recording.CANCELLED
                continue
            # A row without a fingerprint is not this purchase, whatever else it may be.
            stored = item.get("fingerprint", {}).get("S")
            same = stored == purchase.fingerprint
            known[purchase.purchase_id] = Recording.DUPLICATE if same else Recording.CONFLICT
    return known


def _ids(purchases: Sequence[Purchase]) -> list[str]:
    return [purchase.purchase_id for purchase in purchases]

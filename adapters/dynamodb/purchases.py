"""The purchases table: the truth. Written in transactions, read by customer and time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from adapters.dynamodb.attributes import category_shard, ttl_seconds
from adapters.dynamodb.backoff import Deadline
from adapters.dynamodb.category_list import KnownCategories
from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.errors import (
    cancellation_reasons,
    condition_failed,
    pause_or_raise,
)
from adapters.dynamodb.models import ByTime
from adapters.dynamodb.recent_update import RecentUpdate
from adapters.dynamodb.retention_marks import RetentionMarks
from domain.errors import CorruptRecord
from domain.history import PurchaseColumns
from domain.ports import Clock, Recording
from domain.purchase import Purchase
from domain.purchase_retention import PurchaseRetention
from domain.recent import Retention, day_of

_OF_CUSTOMER_IN_SPAN = (
    f"{ByTime.customer_id.attr_name} = :customer "
    f"AND {ByTime.purchased_at.attr_name} BETWEEN :first AND :last"
)
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
        self._shards = shards
        self._marks = RetentionMarks(client, clock=clock, retention=retention)
        self._categories = KnownCategories(client)

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
        crowded: frozenset[int] = frozenset()
        pauses = deadline.pauses()
        while pending:
            update = RecentUpdate.of(
                pending, now=self._clock(), retention=self._retention, crowded=crowded
            )
            failure = await self._attempt(pending, update, deadline)
            if failure is None:
                return recordings | dict.fromkeys(_ids(pending), Recording.RECORDED)
            of_purchases, of_recent = update.sorted_out(cancellation_reasons(failure))
            if condition_failed(of_recent) and update.suppressed(of_recent):
                return recordings | dict.fromkeys(_ids(pending), Recording.ERASED)
            if known := _already_stored(pending, of_purchases):
                recordings |= known
                pending = [p for p in pending if p.purchase_id not in known]
            elif condition_failed(of_recent):
                crowded |= update.without_room(of_recent)
            else:
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
                transaction.save(self._row(purchase), condition=absent, return_values="ALL_OLD")
            update.add_to(transaction, self._client.recent)

    def _row(self, purchase: Purchase) -> Any:
        expires = self._retention.purchases.expires(purchase.purchased_at)
        return self._client.purchases(
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id,
            purchased_at=purchase.purchased_at,
            category=purchase.category,
            amount_minor=purchase.amount_minor,
            category_shard=category_shard(purchase.category, purchase.customer_id, self._shards),
            fingerprint=purchase.fingerprint,
            expires_at=None if expires is None else ttl_seconds(expires),
        )


class DynamoPurchaseHistory:
    """PurchaseHistory on strongly consistent Queries of the LSI `by_time`."""

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: PurchaseRetention) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        """The purchases in (after, until]; see the port."""
        self._retention.check(after, now=self._clock())
        request: dict[str, Any] = {
            "TableName": self._client.purchases.Meta.table_name,
            "IndexName": ByTime.Meta.index_name,
            "KeyConditionExpression": _OF_CUSTOMER_IN_SPAN,
            "ExpressionAttributeValues": {
                ":customer": {"S": customer_id},
                ":first": {"N": str(after + 1)},
                ":last": {"N": str(until)},
            },
            "ConsistentRead": True,
        }
        items: list[Mapping[str, Any]] = []
        deadline = self._client.read_deadline()
        while True:
            page = await self._client.read(deadline, "Query", request)
            items += page["Items"]
            if (start_key := page.get("LastEvaluatedKey")) is None:
                return _columns(items, customer_id)
            request["ExclusiveStartKey"] = start_key


def _columns(items: Sequence[Mapping[str, Any]], customer_id: str) -> PurchaseColumns:
    try:
        return PurchaseColumns(
            customer_id=customer_id,
            purchase_id=[item["purchase_id"]["S"] for item in items],
            purchased_at=[int(item["purchased_at"]["N"]) for item in items],
            category=[item["category"]["S"] for item in items],
            amount_minor=[int(item["amount_minor"]["N"]) for item in items],
        )
    except (KeyError, ValueError) as exc:
        raise CorruptRecord(f"a stored purchase cannot be read: {exc!r}") from exc


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


def stored_purchase(item: Mapping[str, Any], customer_id: str) -> Purchase:
    """The purchase that an item of the table or of its LSI holds.

    Raises:
        CorruptRecord: it holds none.
    """
    try:
        return Purchase(
            customer_id=customer_id,
            purchase_id=item["purchase_id"]["S"],
            purchased_at=int(item["purchased_at"]["N"]),
            category=item["category"]["S"],
            amount_minor=int(item["amount_minor"]["N"]),
        )
    except (KeyError, ValueError) as exc:
        raise CorruptRecord(f"a stored purchase cannot be read: {exc!r}") from exc

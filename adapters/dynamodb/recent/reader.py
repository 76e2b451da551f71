"""The recent purchases: one item per customer, a set per UTC day."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from adapters.dynamodb.recent.marks import MARKS, Marks, RetentionMarks
from adapters.dynamodb.recent.suppression import SUPPRESSED, is_suppressed
from adapters.dynamodb.recent.totals import totals_of
from adapters.dynamodb.schema import (
    CATEGORY_COUNT,
    KEPT,
    OVERFLOW,
    RecentRow,
    category_attribute,
    category_of,
    decode_days,
    kept_attribute,
)
from adapters.dynamodb.wire import DynamoClient, translated
from domain.errors import CorruptRecord
from domain.purchases import Lifetime
from domain.recent import RecentBatch, RecentHistory, TableSize
from domain.retention import Retention
from domain.values import MICROS_PER_DAY, Clock, Consistency

_OTHER_ATTRIBUTES = frozenset(each.attr_name for each in RecentRow.get_attributes().values())
_CUSTOMER = str(RecentRow.customer_id.attr_name)


class DynamoRecentPurchases:
    """RecentPurchases on GetItems, BatchGetItems of a hundred, and Scans.

    All are strongly consistent, unless `consistency` says otherwise.
    """

    def __init__(
        self,
        client: DynamoClient,
        *,
        clock: Clock,
        retention: Retention,
        consistency: Consistency = Consistency.STRONG,
    ) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention
        self._marks = RetentionMarks(client, clock=clock, retention=retention)
        self._strongly = consistency is Consistency.STRONG
        self._table: str = client.recent.Meta.table_name

    @property
    def complete_since(self) -> int:
        """The oldest day that an item written now and read now still holds; see the port."""
        return self._retention.complete_since(self._clock())

    async def one(self, customer_id: str, /) -> RecentHistory:
        """One customer's, by a GetItem; see the port."""
        deadline = self._client.read_deadline()
        marks, now = await self._marks.read(deadline), self._clock()
        answer = await self._client.call(
            deadline,
            "GetItem",
            {
                "TableName": self._table,
                "Key": {_CUSTOMER: {"S": customer_id}},
                "ConsistentRead": self._strongly,
            },
        )
        return recent_history(customer_id, answer.get("Item", {}), self._retention, marks, now)

    async def read(self, customer_ids: Sequence[str], /) -> RecentBatch:
        """One round trip for at most a hundred distinct customers; see the port."""
        if not customer_ids:
            return RecentBatch(histories=(), unread=())
        deadline = self._client.read_deadline()
        marks, now = await self._marks.read(deadline), self._clock()
        keys = [{_CUSTOMER: {"S": customer_id}} for customer_id in customer_ids]
        request = {"RequestItems": {self._table: {"Keys": keys, "ConsistentRead": self._strongly}}}
        with translated():
            answer = await self._client.call_once(deadline, "BatchGetItem", request)
        items = {item[_CUSTOMER]["S"]: item for item in answer["Responses"].get(self._table, ())}
        left = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", ())
        unread = {key[_CUSTOMER]["S"] for key in left}
        read = [customer for customer in customer_ids if customer not in unread]
        return RecentBatch(
            histories=[
                recent_history(c, items.get(c, {}), self._retention, marks, now) for c in read
            ],
            unread=[customer for customer in customer_ids if customer in unread],
        )

    async def scan(
        self, *, segment: int, segments: int, bought_in: str | None = None
    ) -> AsyncIterator[RecentBatch]:
        """Every stored history of one segment, page by page; see the port.

        The store sends only customers of the category, where their items say of which they are.
        """
        request: dict[str, Any] = {
            "TableName": self._table,
            "Segment": segment,
            "TotalSegments": segments,
            "ConsistentRead": self._strongly,
        }
        while True:
            deadline = self._client.read_deadline()
            marks, now = await self._marks.read(deadline), self._clock()
            if filtered := marks.totals and bought_in is not None:
                request["FilterExpression"] = "attribute_exists(#category)"
                request["ExpressionAttributeNames"] = {"#category": category_attribute(bought_in)}
            page = await self._client.call(deadline, "Scan", request)
            yield RecentBatch(
                histories=[
                    recent_history(item[_CUSTOMER]["S"], item, self._retention, marks, now)
                    for item in page["Items"]
                    if item[_CUSTOMER]["S"] != MARKS
                    and SUPPRESSED not in item  # it holds nothing else
                ],
                unread=(),
                left_out=filtered,
            )
            if (start_key := page.get("LastEvaluatedKey")) is None:
                return
            request["ExclusiveStartKey"] = start_key

    async def size(self) -> TableSize:
        """How many customers are stored, and their bytes, as of hours ago; see the port."""
        request = {"TableName": self._table}
        answer = await self._client.call(self._client.read_deadline(), "DescribeTable", request)
        description = answer["Table"]
        return TableSize(items=description["ItemCount"], bytes=description["TableSizeBytes"])


def recent_history(
    customer_id: str, item: Mapping[str, Any], retention: Retention, marks: Marks, now: int
) -> RecentHistory:
    """What a recent item, empty where there is none, tells at an instant.

    `marks` tell when somebody last wrote with shorter retentions, and whether totals are kept; an item
    tells itself with which retention it was written, for as long as it is there.

    Raises:
        CorruptRecord: an attribute or an element of it cannot be read.
    """
    elsewhere = {
        days: last for days, last in marks.shorter.items() if kept_attribute(days) not in item
    }
    if marks.totals and not item:  # never bought, or erased: without TTL no item disappears
        elsewhere = {}
    complete_since = retention.complete_for_all(now, elsewhere)
    categories: list[str] = []
    sets: dict[int, Sequence[str]] = {}
    overflow_days: set[int] = set()
    for name, value in item.items():
        if name in _OTHER_ATTRIBUTES:
            continue
        if name.startswith(CATEGORY_COUNT):
            categories.append(category_of(name))
            continue
        if name[0] == KEPT:
            complete_since = max(complete_since, _kept_since(name, value))
            continue
        day, found = _day_of(name, value)
        if OVERFLOW in found:
            overflow_days.add(day)
            found = [element for element in found if element != OVERFLOW]
        sets[day] = found
    purchases, unclear_days = decode_days(sets, categories, customer_id=customer_id)
    suppressed = is_suppressed(item, now)
    lifetime = None
    if marks.totals:
        lifetime = Lifetime() if not item or SUPPRESSED in item else totals_of(item)
    return RecentHistory(
        customer_id=customer_id,
        complete_since=complete_since,
        lifetime=lifetime,
        purchases=purchases,
        overflow_days=unclear_days.union(overflow_days),
        suppressed=suppressed,
    )


def _day_of(name: str, value: Mapping[str, Any]) -> tuple[int, Sequence[str]]:
    """The UTC day of an attribute, and the elements of its set."""
    try:
        return int(name.removeprefix("d")), value["BS"]
    except (KeyError, ValueError) as exc:
        raise CorruptRecord(f"attribute {name!r} of a recent item is no day's set") from exc


def _kept_since(name: str, value: Mapping[str, str]) -> int:
    """The oldest day that is complete after the last write of one retention."""
    try:
        retention, day = Retention(int(name.removeprefix(KEPT))), int(value["N"])
    except (KeyError, ValueError) as exc:
        raise CorruptRecord(f"attribute {name!r} of a recent item is no retention") from exc
    return retention.complete_since(day * MICROS_PER_DAY)

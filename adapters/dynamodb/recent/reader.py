"""The recent purchases: one item per customer, a set per UTC day."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapters.dynamodb.recent.history import recent_history
from adapters.dynamodb.recent.marks import MARKS, Marks, RetentionMarks
from adapters.dynamodb.recent.suppression import SUPPRESSED
from adapters.dynamodb.schema import RecentRow, category_attribute
from adapters.dynamodb.wire import DynamoClient, translated
from domain.recent import RecentBatch, RecentHistory, TableSize
from domain.retention import Retention
from domain.values import Clock, Consistency, Reach

if TYPE_CHECKING:
    from domain.recent.columns import RecentColumns

_CUSTOMER = str(RecentRow.customer_id.attr_name)
_NOTHING: Mapping[str, Any] = {}


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

    async def read(
        self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
    ) -> RecentBatch:
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
        read = {each: items.get(each, _NOTHING) for each in customer_ids if each not in unread}
        columns, histories = self._decoded(read, marks, now, columns_for)
        return RecentBatch(
            histories=histories,
            unread=[customer for customer in customer_ids if customer in unread],
            columns=columns,
        )

    async def scan(
        self,
        *,
        segment: int,
        segments: int,
        bought_in: str | None = None,
        columns_for: Reach | None = None,
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
            read = {
                customer: item
                for item in page["Items"]
                if (customer := item[_CUSTOMER]["S"]) != MARKS
                and SUPPRESSED not in item  # it holds nothing else
            }
            columns, histories = self._decoded(read, marks, now, columns_for)
            yield RecentBatch(histories=histories, unread=(), columns=columns, left_out=filtered)
            if (start_key := page.get("LastEvaluatedKey")) is None:
                return
            request["ExclusiveStartKey"] = start_key

    def _decoded(
        self,
        items: Mapping[str, Mapping[str, Any]],
        marks: Marks,
        now: int,
        columns_for: Reach | None,
    ) -> tuple["RecentColumns | None", Sequence[RecentHistory]]:
        """What these items tell: of most customers in columns, if that will do."""
        columns = None
        if columns_for is not None:
            from adapters.dynamodb.recent.columns import recent_columns

            columns = recent_columns(items, self._retention, marks, now, totals=columns_for.ever)
        done = frozenset[str]() if columns is None else columns.customers
        return columns, [
            recent_history(customer, item, self._retention, marks, now)
            for customer, item in items.items()
            if customer not in done
        ]

    async def size(self) -> TableSize:
        """How many customers are stored, and their bytes, as of hours ago; see the port."""
        request = {"TableName": self._table}
        answer = await self._client.call(self._client.read_deadline(), "DescribeTable", request)
        description = answer["Table"]
        return TableSize(items=description["ItemCount"], bytes=description["TableSizeBytes"])

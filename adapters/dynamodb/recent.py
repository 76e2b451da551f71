"""The recent purchases: one item per customer, a String Set per UTC day."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from adapters.dynamodb.attributes import (
    OVERFLOW,
    day_attribute,
    day_capacity,
    decode_elements,
    encode_element,
    kept_attribute,
)
from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.errors import translated
from adapters.dynamodb.models import RecentRow
from domain.errors import CorruptRecord
from domain.instant import MICROS_PER_DAY, to_datetime
from domain.ports import Clock, RecentBatch, TableSize
from domain.purchase import Purchase
from domain.recent import RecentHistory, Retention, day_of

_OTHER_ATTRIBUTES = frozenset(RecentRow.get_attributes())
_CUSTOMER = str(RecentRow.customer_id.attr_name)
_KEPT = "k"
TTL_LAG_DAYS = 7
"""How much later than promised TTL may drop an item; AWS speaks of a few days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentUpdate:
    """What one transaction changes in a customer's recent item.

    Adding to a set is idempotent. Days too old to keep are removed without looking: since an
    item is dropped `days` after its last write, and every write but a rebuild, which sees all of
    them, removes what is too old, none can be older than the range removed here.
    """

    customer_id: str
    elements: Mapping[int, Sequence[str]]
    oldest_day: int
    today: int
    retention: Retention
    crowded: frozenset[int]

    @classmethod
    def of(
        cls,
        purchases: Sequence[Purchase],
        *,
        now: int,
        retention: Retention,
        crowded: frozenset[int] = frozenset(),
    ) -> "RecentUpdate | None":
        """The update for these purchases of one customer; None when all are too old to keep.

        Days in `crowded`, and those with more purchases here than a set takes, are marked as
        overflowing instead of holding their elements.
        """
        oldest_day = retention.oldest_day(now)
        elements: dict[int, list[str]] = defaultdict(list)
        for purchase in purchases:
            if (day := day_of(purchase.purchased_at)) >= oldest_day:
                elements[day].append(encode_element(purchase))
        if not elements:
            return None
        capacity = day_capacity(retention.days)
        return cls(
            customer_id=purchases[0].customer_id,
            elements=elements,
            oldest_day=oldest_day,
            today=day_of(now),
            retention=retention,
            crowded=crowded | {day for day, added in elements.items() if len(added) > capacity},
        )

    def add_to(self, transaction: TransactWrite, model: type[Any]) -> None:
        """Puts this update into the transaction; refused, it comes back with the stored item."""
        transaction.update(
            model(self.customer_id),
            actions=self._actions(model),
            condition=self._room(),
            return_values="ALL_OLD",
        )

    def without_room(self, stored: Mapping[str, Any]) -> frozenset[int]:
        """The days whose stored sets have no room for what is added here.

        All days in question where the stored item does not tell, such as when it is empty.
        """
        asked = self.elements.keys() - self.crowded
        full = {
            day
            for day in asked
            if len(stored.get(day_attribute(day), {}).get("SS", ())) > self._room_before(day)
        }
        return frozenset(full or asked)

    def _room_before(self, day: int) -> int:
        """How many elements a day's set may hold before this update."""
        return day_capacity(self.retention.days) - len(self.elements[day])

    def _actions(self, model: type[Any]) -> list[Action]:
        added = {
            day: [OVERFLOW] if day in self.crowded else elements
            for day, elements in self.elements.items()
        }
        return [
            *write_actions(model, self.today, self.retention),
            *forget_actions(self.oldest_day, self.retention),
            *(Path(day_attribute(day)).add({"SS": elements}) for day, elements in added.items()),
        ]

    def _room(self) -> Condition | None:
        """That every day's set has room for what is added; an overflow mark always fits."""
        rooms: list[Condition] = []
        for day in self.elements.keys() - self.crowded:
            path = Path(day_attribute(day))
            count = size(path)  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
            rooms.append(path.does_not_exist() | (count <= self._room_before(day)))
        return reduce(and_, rooms) if rooms else None


def write_actions(model: type[Any], today: int, retention: Retention) -> list[Action]:
    """What every write of a recent item does: who, for how long, and that there was one."""
    expires = (today + retention.days + 1) * MICROS_PER_DAY
    return [
        model.expires_at.set(to_datetime(expires)),
        Path(kept_attribute(retention.days)).set({"N": str(today)}),
        Path(model.writes).add({"N": "1"}),
    ]


def forget_actions(oldest_day: int, retention: Retention) -> list[Action]:
    """Removes every day before `oldest_day` that an item may still hold."""
    removed = range(oldest_day - retention.days - TTL_LAG_DAYS, oldest_day)
    return [Path(day_attribute(day)).remove() for day in removed]


class DynamoRecentPurchases:
    """RecentPurchases on strongly consistent GetItems, BatchGetItems of a hundred, and Scans."""

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: Retention) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention
        self._table: str = client.recent.Meta.table_name

    @property
    def complete_since(self) -> int:
        """The oldest day that an item written now and read now still holds; see the port."""
        return self._retention.complete_since(self._clock())

    async def one(self, customer_id: str, /) -> RecentHistory:
        """One customer's, by a strongly consistent GetItem; see the port."""
        complete_since = self.complete_since
        answer = await self._client.read(
            self._client.read_deadline(),
            "GetItem",
            {
                "TableName": self._table,
                "Key": {_CUSTOMER: {"S": customer_id}},
                "ConsistentRead": True,
            },
        )
        return _history(customer_id, answer.get("Item", {}), complete_since)

    async def read(self, customer_ids: Sequence[str], /) -> RecentBatch:
        """One round trip for at most a hundred distinct customers; see the port."""
        if not customer_ids:
            return RecentBatch(histories=(), unread=())
        complete_since = self.complete_since
        keys = [{_CUSTOMER: {"S": customer_id}} for customer_id in customer_ids]
        request = {"RequestItems": {self._table: {"Keys": keys, "ConsistentRead": True}}}
        with translated():
            answer = await self._client.read_once(
                self._client.read_deadline(), "BatchGetItem", request
            )
        items = {item[_CUSTOMER]["S"]: item for item in answer["Responses"].get(self._table, ())}
        left = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", ())
        unread = {key[_CUSTOMER]["S"] for key in left}
        read = [customer for customer in customer_ids if customer not in unread]
        return RecentBatch(
            histories=[_history(c, items.get(c, {}), complete_since) for c in read],
            unread=[customer for customer in customer_ids if customer in unread],
        )

    async def scan(self, *, segment: int, segments: int) -> AsyncIterator[RecentBatch]:
        """Every stored history of one segment, page by page; see the port."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "Segment": segment,
            "TotalSegments": segments,
            "ConsistentRead": True,
        }
        while True:
            complete_since = self.complete_since
            page = await self._client.read(self._client.read_deadline(), "Scan", request)
            yield RecentBatch(
                histories=[
                    _history(item[_CUSTOMER]["S"], item, complete_since) for item in page["Items"]
                ],
                unread=(),
            )
            if (start_key := page.get("LastEvaluatedKey")) is None:
                return
            request["ExclusiveStartKey"] = start_key

    async def size(self) -> TableSize:
        """How many customers are stored, and their bytes, as of hours ago; see the port."""
        answer = await self._client.retried(
            self._client.read_deadline(),
            self._client.connection.dispatch,
            "DescribeTable",
            {"TableName": self._table},
        )
        description = answer["Table"]
        return TableSize(items=description["ItemCount"], bytes=description["TableSizeBytes"])


def _history(customer_id: str, item: Mapping[str, Any], complete_since: int) -> RecentHistory:
    elements: list[str] = []
    days: list[int] = []
    overflow_days: set[int] = set()
    for name, value in item.items():
        if name in _OTHER_ATTRIBUTES:
            continue
        if name.startswith(_KEPT):
            complete_since = max(complete_since, _kept_since(name, value))
            continue
        day = _day(name)
        found = _elements(name, value)
        if OVERFLOW in found:
            overflow_days.add(day)
            found = [element for element in found if element != OVERFLOW]
        elements += found
        days += [day] * len(found)
    return RecentHistory(
        customer_id=customer_id,
        complete_since=complete_since,
        purchases=decode_elements(elements, days, customer_id=customer_id),
        overflow_days=frozenset(overflow_days),
    )


def _elements(name: str, value: Mapping[str, Any]) -> list[str]:
    try:
        elements: list[str] = value["SS"]
    except KeyError as exc:
        raise CorruptRecord(f"attribute {name!r} of a recent item is no set") from exc
    return elements


def _kept_since(name: str, value: Mapping[str, str]) -> int:
    """The oldest day that is complete after the last write of one retention."""
    try:
        retention, day = Retention(int(name.removeprefix(_KEPT))), int(value["N"])
    except (KeyError, ValueError) as exc:
        raise CorruptRecord(f"attribute {name!r} of a recent item is no retention") from exc
    return retention.complete_since(day * MICROS_PER_DAY)


def _day(name: str) -> int:
    try:
        return int(name.removeprefix("d"))
    except ValueError as exc:
        raise CorruptRecord(f"attribute {name!r} of a recent item is no day") from exc

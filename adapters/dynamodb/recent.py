"""The recent purchases: one item per customer, a String Set per UTC day."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from adapters.dynamodb.attributes import OVERFLOW, decode_element
from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.errors import translated
from adapters.dynamodb.models import RecentRow
from adapters.dynamodb.suppression import SUPPRESSED, is_suppressed
from domain.errors import CorruptRecord
from domain.instant import MICROS_PER_DAY
from domain.ports import Clock, RecentBatch, TableSize
from domain.purchase import Purchase
from domain.recent import RecentHistory, Retention

_OTHER_ATTRIBUTES = frozenset(RecentRow.get_attributes())
_KEPT = "k"


class DynamoRecentPurchases:
    """RecentPurchases on strongly consistent BatchGetItems of a hundred customers, and Scans."""

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: Retention) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention

    async def read(self, customer_ids: Sequence[str], /) -> RecentBatch:
        """One round trip for at most a hundred distinct customers; see the port."""
        if not customer_ids:
            return RecentBatch(histories=(), unread=())
        now = self._clock()
        table = self._client.recent.Meta.table_name
        with translated():
            answer = await self._client.once(
                self._client.read_deadline(), self._batch, table, customer_ids
            )
        items = {item["customer_id"]["S"]: item for item in answer["Responses"].get(table, ())}
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ())
        unread = {key["customer_id"]["S"] for key in left}
        read = [customer for customer in customer_ids if customer not in unread]
        return RecentBatch(
            histories=[recent_history(c, items.get(c, {}), self._retention, now) for c in read],
            unread=[customer for customer in customer_ids if customer in unread],
        )

    async def scan(self, *, segment: int, segments: int) -> AsyncIterator[RecentBatch]:
        """Every stored history of one segment, page by page; see the port."""
        start_key = None
        while True:
            now = self._clock()
            page = await self._client.retried(
                self._client.read_deadline(), self._page, segment, segments, start_key
            )
            yield RecentBatch(
                histories=[
                    recent_history(item["customer_id"]["S"], item, self._retention, now)
                    for item in page["Items"]
                    if SUPPRESSED not in item  # it holds nothing else
                ],
                unread=(),
            )
            start_key = page.get("LastEvaluatedKey")
            if start_key is None:
                return

    async def size(self) -> TableSize:
        """How many customers are stored, and their bytes, as of hours ago; see the port."""
        table = self._client.recent.Meta.table_name
        answer = await self._client.retried(
            self._client.read_deadline(),
            self._client.connection.dispatch,
            "DescribeTable",
            {"TableName": table},
        )
        description = answer["Table"]
        return TableSize(items=description["ItemCount"], bytes=description["TableSizeBytes"])

    def _batch(self, table: str, customer_ids: Sequence[str]) -> dict[str, Any]:
        keys: list[Any] = [{"customer_id": customer_id} for customer_id in customer_ids]
        answer: dict[str, Any] = self._client.connection.batch_get_item(
            table, keys, consistent_read=True
        )
        return answer

    def _page(self, segment: int, segments: int, start_key: Any) -> dict[str, Any]:
        page: dict[str, Any] = self._client.connection.scan(
            self._client.recent.Meta.table_name,
            segment=segment,
            total_segments=segments,
            exclusive_start_key=start_key,  # PynamoDB types it as str
            consistent_read=True,
        )
        return page


def recent_history(
    customer_id: str, item: Mapping[str, Any], retention: Retention, now: int
) -> RecentHistory:
    """What a recent item, empty where there is none, tells at an instant.

    Raises:
        CorruptRecord: an attribute or an element of it cannot be read.
    """
    complete_since = retention.complete_since(now)
    purchases: list[Purchase] = []
    overflow_days: set[int] = set()
    for name, value in item.items():
        if name in _OTHER_ATTRIBUTES:
            continue
        if name.startswith(_KEPT):
            complete_since = max(complete_since, _kept_since(name, value))
            continue
        day = _day(name)
        if "SS" not in value:
            raise CorruptRecord(f"attribute {name!r} of a recent item is no set")
        for element in value["SS"]:
            if element == OVERFLOW:
                overflow_days.add(day)
            else:
                purchases.append(decode_element(element, customer_id=customer_id, day=day))
    return RecentHistory(
        customer_id=customer_id,
        complete_since=complete_since,
        purchases=sorted(purchases, key=lambda p: (p.purchased_at, p.purchase_id)),
        overflow_days=frozenset(overflow_days),
        suppressed=is_suppressed(item, now),
    )


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

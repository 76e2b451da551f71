"""All that the tables hold about one customer, for the customer."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from adapters.dynamodb.categories import hash_of
from adapters.dynamodb.purchases import stored_purchase
from adapters.dynamodb.recent import SUPPRESSED, recent_history
from adapters.dynamodb.schema import stored_hashes
from adapters.dynamodb.wire import DynamoClient
from domain.customers import CustomerRecord
from domain.errors import CorruptRecord
from domain.retention import Retention
from domain.values import Clock

Item = Mapping[str, Any]


class DynamoCustomerRecords:
    """CustomerRecords on strong reads of the customer's items, and a Scan of the categories."""

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: Retention) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention

    async def of(self, customer_id: str, /) -> CustomerRecord:
        """Everything as it is stored now; see the port."""
        items = [item async for item in self._items(self._purchases, customer_id)]
        number = hash_of(customer_id)
        counted_in = [
            item["category"]["S"]
            async for item in self._items(self._categories)
            if number in stored_hashes(item)
        ]
        recent = await self._client.retried(self._client.read_deadline(), self._recent, customer_id)
        history = recent_history(customer_id, recent, self._retention, {}, self._clock())
        purchases = [stored_purchase(i, customer_id) for i in items if "cancelled_at" not in i]
        return CustomerRecord(
            purchases=sorted(purchases, key=lambda p: (p.purchased_at, p.purchase_id)),
            cancelled=_cancelled(items),
            recent=history.purchases,
            counted_in=sorted(counted_in),
            suppressed_until=int(recent[SUPPRESSED]["N"]) if SUPPRESSED in recent else None,
        )

    async def _items(
        self, page_of: Callable[..., dict[str, Any]], *arguments: str
    ) -> AsyncIterator[Item]:
        start_key = None
        deadline = self._client.read_deadline()
        while True:
            page = await self._client.retried(deadline, page_of, *arguments, start_key)
            for item in page["Items"]:
                yield item
            start_key = page.get("LastEvaluatedKey")
            if start_key is None:
                return

    def _purchases(self, customer_id: str, start_key: Any) -> dict[str, Any]:
        page: dict[str, Any] = self._client.connection.query(
            self._client.purchases.Meta.table_name,
            customer_id,
            consistent_read=True,
            exclusive_start_key=start_key,
        )
        return page

    def _categories(self, start_key: Any) -> dict[str, Any]:
        page: dict[str, Any] = self._client.connection.scan(
            self._client.categories.Meta.table_name,
            exclusive_start_key=start_key,
            consistent_read=True,
        )
        return page

    def _recent(self, customer_id: str) -> Item:
        answer = self._client.connection.get_item(
            self._client.recent.Meta.table_name, customer_id, consistent_read=True
        )
        item: Item = answer.get("Item", {})
        return item


def _cancelled(items: Sequence[Item]) -> dict[str, int]:
    try:
        return {
            item["purchase_id"]["S"]: int(item["cancelled_at"]["N"])
            for item in items
            if "cancelled_at" in item
        }
    except (KeyError, ValueError) as exc:
        raise CorruptRecord(f"a cancelled purchase cannot be read: {exc!r}") from exc

"""All that the tables hold about one customer, for the customer."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from adapters.dynamodb.categories import hash_of
from adapters.dynamodb.purchases import stored_purchase, stored_refunds
from adapters.dynamodb.recent import SUPPRESSED, Marks, recent_history
from adapters.dynamodb.schema import stored_hashes, why_unreadable
from adapters.dynamodb.wire import Deadline, DynamoClient
from domain.customers import CustomerRecord
from domain.recent import as_listed
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
        deadline = self._client.read_deadline()
        items = [item async for item in self._purchases(deadline, customer_id)]
        number = hash_of(customer_id)
        counted_in = [
            item["category"]["S"]
            async for item in self._categories(deadline)
            if number in stored_hashes(item)
        ]
        recent = await self._recent(deadline, customer_id)
        marks = Marks({}, totals=True)
        history = recent_history(customer_id, recent, self._retention, marks, self._clock())
        waiting = [i for i in items if "refunds" in i and "fingerprint" not in i]
        others = [i for i in items if "cancelled_at" not in i and i not in waiting]
        purchases = [stored_purchase(item, customer_id) for item in others]
        in_full = {as_listed(purchase): purchase for purchase in purchases}
        return CustomerRecord(
            purchases=sorted(purchases, key=lambda p: (p.purchased_at, p.purchase_id)),
            cancelled=_cancelled(items),
            waiting={item["purchase_id"]["S"]: stored_refunds(item) for item in waiting},
            recent=[in_full.get(listed, listed) for listed in history.purchases],
            lifetime=history.lifetime,
            counted_in=sorted(counted_in),
            suppressed_until=int(recent[SUPPRESSED]["N"]) if SUPPRESSED in recent else None,
        )

    def _purchases(self, deadline: Deadline, customer_id: str) -> AsyncIterator[Item]:
        request = {
            "TableName": self._client.purchases.Meta.table_name,
            "KeyConditionExpression": "customer_id = :customer",
            "ExpressionAttributeValues": {":customer": {"S": customer_id}},
            "ConsistentRead": True,
        }
        return self._items(deadline, "Query", request)

    def _categories(self, deadline: Deadline) -> AsyncIterator[Item]:
        request = {"TableName": self._client.categories.Meta.table_name, "ConsistentRead": True}
        return self._items(deadline, "Scan", request)

    async def _items(
        self, deadline: Deadline, operation: str, request: dict[str, Any]
    ) -> AsyncIterator[Item]:
        async for page in self._client.pages(deadline, operation, request):
            for item in page["Items"]:
                yield item

    async def _recent(self, deadline: Deadline, customer_id: str) -> Item:
        request = {
            "TableName": self._client.recent.Meta.table_name,
            "Key": {"customer_id": {"S": customer_id}},
            "ConsistentRead": True,
        }
        item: Item = (await self._client.call(deadline, "GetItem", request)).get("Item", {})
        return item


def _cancelled(items: Sequence[Item]) -> dict[str, int]:
    try:
        return {
            item["purchase_id"]["S"]: int(item["cancelled_at"]["N"])
            for item in items
            if "cancelled_at" in item
        }
    except (KeyError, ValueError) as exc:
        raise why_unreadable("a cancelled purchase", exc) from exc

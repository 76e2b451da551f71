"""Erase a customer: suppressed first, so that nothing can follow, then item by item."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from adapters.dynamodb.recent import SUPPRESSED
from adapters.dynamodb.schema import OVERFLOW, REFUND, ttl_seconds
from adapters.dynamodb.wire import Deadline, DynamoClient
from domain.customers import UNFINISHED, Erasure
from domain.errors import StoreUnavailable

_AT_ONCE = 200
_BATCH = 25
"""Deletes per round trip. Source: AWS, BatchWriteItem."""


class DynamoCustomerEraser:
    """CustomerEraser: the recent item becomes a marker, which the transaction of every write asks for.

    A write that was committed before the marker is found by the strong reads after it; any other
    is refused. Until the marker gets its end, nothing of the customer is taken.
    """

    def __init__(self, client: DynamoClient) -> None:
        self._client = client

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        """What was removed; see the port."""
        deadline = self._client.write_deadline()
        before = await self._client.retried(deadline, self._suppress, customer_id, UNFINISHED)
        removed: Counter[str] = Counter()
        complete = False
        try:
            while items := await self._client.retried(deadline, self._some, customer_id):
                await self._delete(items, deadline)
                removed.update(map(_kind, items))
            await self._client.retried(deadline, self._suppress, customer_id, suppressed_until)
            complete = True
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
        return Erasure(
            purchases=removed["purchase"],
            cancelled=removed["cancellation"],
            refunds_waiting=removed["refunds"],
            recent_purchases=_elements(before),
            complete=complete,
        )

    async def suppressed(self) -> AsyncIterator[Mapping[str, int]]:
        """The markers, by a Scan that sends nothing else; see the port."""
        request: dict[str, Any] = {
            "TableName": self._client.recent.Meta.table_name,
            "FilterExpression": f"attribute_exists({SUPPRESSED})",
            "ProjectionExpression": f"customer_id, {SUPPRESSED}",
            "ConsistentRead": True,
        }
        more = True
        while more:  # a deadline for each page, as there may be hours of them
            page = await self._client.read(self._client.read_deadline(), "Scan", request)
            yield {item["customer_id"]["S"]: int(item[SUPPRESSED]["N"]) for item in page["Items"]}
            more = "LastEvaluatedKey" in page
            request["ExclusiveStartKey"] = page.get("LastEvaluatedKey")

    def _suppress(self, customer_id: str, until: int) -> Mapping[str, Any]:
        """What the recent item was before it became the marker."""
        attributes = {SUPPRESSED: {"N": str(until)}}
        if until != UNFINISHED:
            attributes["expires_at"] = {"N": str(ttl_seconds(until))}
        answer: Mapping[str, Any] = self._client.connection.put_item(
            self._client.recent.Meta.table_name,
            customer_id,
            attributes=attributes,
            return_values="ALL_OLD",
        )
        before: Mapping[str, Any] = answer.get("Attributes", {})
        return before

    def _some(self, customer_id: str) -> Sequence[Mapping[str, Any]]:
        """Keys that are still there."""
        page = self._client.connection.query(
            self._client.purchases.Meta.table_name,
            customer_id,
            attributes_to_get=["customer_id", "purchase_id", "cancelled_at", "fingerprint"],
            consistent_read=True,
            limit=_AT_ONCE,
        )
        items: Sequence[Mapping[str, Any]] = page["Items"]
        return items

    async def _delete(self, items: Sequence[Mapping[str, Any]], deadline: Deadline) -> None:
        keys = [{name: item[name] for name in ("customer_id", "purchase_id")} for item in items]
        await asyncio.gather(
            *(
                self._delete_batch(keys[start : start + _BATCH], deadline)
                for start in range(0, len(keys), _BATCH)
            )
        )

    async def _delete_batch(self, keys: Sequence[Mapping[str, Any]], deadline: Deadline) -> None:
        pauses = deadline.pauses()
        while keys := await self._client.retried(deadline, self._deleted, keys):
            pause = next(pauses, None)
            if pause is None:
                raise StoreUnavailable("DynamoDB left deletes unprocessed")
            await asyncio.sleep(pause)

    def _deleted(self, keys: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The keys that the store left."""
        table = self._client.purchases.Meta.table_name
        answer = self._client.connection.batch_write_item(table, delete_items=keys)
        left = answer.get("UnprocessedItems", {}).get(table, ())
        return [request["DeleteRequest"]["Key"] for request in left]


def _elements(item: Mapping[str, Any]) -> int:
    """How many purchases a recent item held."""
    return sum(
        element[0] not in {OVERFLOW, REFUND}
        for value in item.values()
        for element in value.get("SS", ())
    )


def _kind(item: Mapping[str, Any]) -> str:
    if "cancelled_at" in item:
        return "cancellation"
    return "purchase" if "fingerprint" in item else "refunds"

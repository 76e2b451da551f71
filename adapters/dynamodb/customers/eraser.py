"""Erase a customer: suppressed first, so that nothing can follow, then item by item."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from adapters.dynamodb.recent import SUPPRESSED
from adapters.dynamodb.schema import is_purchase, put, ttl_seconds
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
        before = await self._suppress(customer_id, UNFINISHED, deadline)
        removed: Counter[str] = Counter()
        complete = False
        try:
            while items := await self._some(customer_id, deadline):
                await self._delete(items, deadline)
                removed.update(map(_kind, items))
            await self._suppress(customer_id, suppressed_until, deadline)
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
            page = await self._client.call(self._client.read_deadline(), "Scan", request)
            yield {item["customer_id"]["S"]: int(item[SUPPRESSED]["N"]) for item in page["Items"]}
            more = "LastEvaluatedKey" in page
            request["ExclusiveStartKey"] = page.get("LastEvaluatedKey")

    async def _suppress(
        self, customer_id: str, until: int, deadline: Deadline
    ) -> Mapping[str, Any]:
        """What the recent item was before it became the marker."""
        item = {"customer_id": {"S": customer_id}, SUPPRESSED: {"N": str(until)}}
        if until != UNFINISHED:
            item["expires_at"] = {"N": str(ttl_seconds(until))}
        request = put(self._client.recent, item, ReturnValues="ALL_OLD")
        answer = await self._client.call(deadline, "PutItem", request)
        before: Mapping[str, Any] = answer.get("Attributes", {})
        return before

    async def _some(self, customer_id: str, deadline: Deadline) -> Sequence[Mapping[str, Any]]:
        """Keys that are still there, and what tells of which kind each is."""
        request = {
            "TableName": self._client.purchases.Meta.table_name,
            "KeyConditionExpression": "customer_id = :customer",
            "ExpressionAttributeValues": {":customer": {"S": customer_id}},
            "ProjectionExpression": "customer_id, purchase_id, cancelled_at, fingerprint",
            "ConsistentRead": True,
            "Limit": _AT_ONCE,
        }
        items: Sequence[Mapping[str, Any]] = (await self._client.call(deadline, "Query", request))[
            "Items"
        ]
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
        while keys := await self._deleted(keys, deadline):
            pause = next(pauses, None)
            if pause is None:
                raise StoreUnavailable("DynamoDB left deletes unprocessed")
            await asyncio.sleep(pause)

    async def _deleted(
        self, keys: Sequence[Mapping[str, Any]], deadline: Deadline
    ) -> Sequence[Mapping[str, Any]]:
        """The keys that the store left."""
        table = self._client.purchases.Meta.table_name
        deletes = [{"DeleteRequest": {"Key": key}} for key in keys]
        request = {"RequestItems": {table: deletes}}
        answer = await self._client.call(deadline, "BatchWriteItem", request)
        left = answer.get("UnprocessedItems", {}).get(table, ())
        return [each["DeleteRequest"]["Key"] for each in left]


def _elements(item: Mapping[str, Any]) -> int:
    """How many purchases a recent item held."""
    return sum(is_purchase(element) for value in item.values() for element in value.get("BS", ()))


def _kind(item: Mapping[str, Any]) -> str:
    if "cancelled_at" in item:
        return "cancellation"
    return "purchase" if "fingerprint" in item else "refunds"

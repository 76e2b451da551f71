"""The first and the last purchase of a customer, found again once one of them is gone."""

from dataclasses import replace
from typing import Any

from adapters.dynamodb.purchases.history import stored_purchase
from adapters.dynamodb.recent import FIRST, LAST, RecentUpdate, read_recent
from adapters.dynamodb.schema import ByTime
from adapters.dynamodb.wire import Deadline, DynamoClient
from domain.purchases import Purchase, counts


async def without(
    client: DynamoClient, update: RecentUpdate, purchase: Purchase, deadline: Deadline
) -> RecentUpdate:
    """The update of the recent item as it is stored, once this purchase does not count any more.

    The item is read before the index. So what comes in between refuses the update.

    Raises:
        StoreUnavailable: not everything was read before the deadline.
        CorruptRecord: a stored purchase is none.
    """
    stored = await read_recent(client, purchase.customer_id, deadline)
    update = update.on(stored)
    if update.totals is None or not counts(purchase):
        return update
    ends = [
        await _end(client, purchase, deadline, forward=forward)
        if _instant(stored, name) in {None, purchase.purchased_at}
        else _instant(stored, name)
        for name, forward in ((FIRST, True), (LAST, False))
    ]
    return replace(update, ends=(ends[0], ends[1]))


async def _end(
    client: DynamoClient, without: Purchase, deadline: Deadline, *, forward: bool
) -> int | None:
    """The instant of the first or last purchase that counts, but for this one."""
    request: dict[str, Any] = {
        "TableName": client.purchases.Meta.table_name,
        "IndexName": ByTime.Meta.index_name,
        "KeyConditionExpression": "customer_id = :customer",
        "ExpressionAttributeValues": {":customer": {"S": without.customer_id}},
        "ConsistentRead": True,
        "ScanIndexForward": forward,
        "Limit": 10,
    }
    async for page in client.pages(deadline, "Query", request):
        for item in page["Items"]:
            purchase = stored_purchase(item, without.customer_id)
            if purchase.purchase_id != without.purchase_id and counts(purchase):
                return purchase.purchased_at
    return None


def _instant(item: Any, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None

"""The recent item as it is stored, between a look at it and a write that depends on it."""

from collections.abc import Mapping
from typing import Any

from adapters.dynamodb.recent.update import RecentUpdate
from adapters.dynamodb.schema import RecentRow
from adapters.dynamodb.wire import Deadline, DynamoClient, Reason, condition_failed

_CUSTOMER = str(RecentRow.customer_id.attr_name)


async def read_recent(
    client: DynamoClient, customer_id: str, deadline: Deadline
) -> Mapping[str, Any]:
    """The item, read strongly; empty: there is none.

    Raises:
        StoreUnavailable: it was not read before the deadline.
    """
    request = {
        "TableName": client.recent.Meta.table_name,
        "Key": {_CUSTOMER: {"S": customer_id}},
        "ConsistentRead": True,
    }
    item: Mapping[str, Any] = (await client.call(deadline, "GetItem", request)).get("Item", {})
    return item


async def stored_recent(
    client: DynamoClient, update: RecentUpdate, reason: Reason, deadline: Deadline
) -> Mapping[str, Any] | None:
    """The item because of which an update was refused; None: it was not the reason.

    The refusal most often brings it along.

    Raises:
        StoreUnavailable: it was not read before the deadline.
    """
    if not condition_failed(reason):
        return None
    return reason.get("Item") or await read_recent(client, update.customer_id, deadline)

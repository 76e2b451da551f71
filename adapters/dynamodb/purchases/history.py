"""The purchases table, read: one customer's purchases by time."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.dynamodb.schema import ByTime, why_unreadable
from adapters.dynamodb.wire import DynamoClient
from domain.purchases import Purchase, PurchaseColumns, Refund
from domain.retention import PurchaseRetention
from domain.values import Clock, Consistency

_OF_CUSTOMER_IN_SPAN = (
    f"{ByTime.customer_id.attr_name} = :customer "
    f"AND {ByTime.purchased_at.attr_name} BETWEEN :first AND :last"
)


class DynamoPurchaseHistory:
    """PurchaseHistory on Queries of the LSI `by_time`.

    They are strongly consistent, unless `consistency` says otherwise.
    """

    def __init__(
        self,
        client: DynamoClient,
        *,
        clock: Clock,
        retention: PurchaseRetention,
        consistency: Consistency = Consistency.STRONG,
    ) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention
        self._strongly = consistency is Consistency.STRONG

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        """The purchases in (after, until]; see the port."""
        self._retention.check(after, now=self._clock())
        request: dict[str, Any] = {
            "TableName": self._client.purchases.Meta.table_name,
            "IndexName": ByTime.Meta.index_name,
            "KeyConditionExpression": _OF_CUSTOMER_IN_SPAN,
            "ExpressionAttributeValues": {
                ":customer": {"S": customer_id},
                ":first": {"N": str(after + 1)},
                ":last": {"N": str(until)},
            },
            "ConsistentRead": self._strongly,
        }
        pages = self._client.pages(self._client.read_deadline(), "Query", request)
        return _columns([item async for page in pages for item in page["Items"]], customer_id)


def _columns(items: Sequence[Mapping[str, Any]], customer_id: str) -> PurchaseColumns:
    try:
        return PurchaseColumns(
            customer_id=customer_id,
            purchase_id=[item["purchase_id"]["S"] for item in items],
            purchased_at=[int(item["purchased_at"]["N"]) for item in items],
            category=[item["category"]["S"] for item in items],
            amount_minor=[int(item["amount_minor"]["N"]) for item in items],
            refunds={
                item["purchase_id"]["S"]: stored_refunds(item)
                for item in items
                if "refunds" in item
            },
        )
    except (KeyError, ValueError) as exc:
        raise why_unreadable("a stored purchase", exc) from exc


def stored_refunds(item: Mapping[str, Any]) -> tuple[Refund, ...]:
    """The refunds of a purchase, or those that wait for it, in their order.

    Raises:
        CorruptRecord: one of them is none.
    """
    try:
        return tuple(
            sorted(
                Refund(
                    int(each["M"]["refunded_at"]["N"]),
                    each["M"]["refund_id"]["S"],
                    int(each["M"]["amount_minor"]["N"]),
                )
                for each in item.get("refunds", {}).get("L", ())
            )
        )
    except (KeyError, ValueError) as exc:
        raise why_unreadable("a stored refund", exc) from exc


def stored_purchase(item: Mapping[str, Any], customer_id: str) -> Purchase:
    """The purchase that an item of the table or of its LSI holds.

    Raises:
        CorruptRecord: it holds none.
    """
    try:
        return Purchase(
            customer_id=customer_id,
            purchase_id=item["purchase_id"]["S"],
            purchased_at=int(item["purchased_at"]["N"]),
            category=item["category"]["S"],
            amount_minor=int(item["amount_minor"]["N"]),
            refunds=stored_refunds(item),
        )
    except (KeyError, ValueError) as exc:
        raise why_unreadable("a stored purchase", exc) from exc

"""The item of a purchase, between a read of it and a write that depends on what was read."""

from collections.abc import Mapping
from typing import Any

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from adapters.dynamodb.purchases.history import stored_refunds
from adapters.dynamodb.schema import PurchaseRow, RefundMap, item_of, keyed, ttl_seconds
from adapters.dynamodb.wire import Deadline, DynamoClient
from domain.purchases import CLOCK_SKEW_US, Refund
from domain.retention import Retention


async def stored_item(
    client: DynamoClient, key: tuple[str, str], deadline: Deadline
) -> Mapping[str, Any]:
    """What is stored under the ids of a purchase, read strongly; empty: nothing.

    Raises:
        StoreUnavailable: it was not read before the deadline.
    """
    request = keyed(client.purchases, purchase_key(key), ConsistentRead=True)
    found: Mapping[str, Any] = (await client.call(deadline, "GetItem", request)).get("Item", {})
    return found


def purchase_key(key: tuple[str, str]) -> Mapping[str, Any]:
    """The key of an item, of the ids of the customer and the purchase."""
    return item_of(PurchaseRow, customer_id=key[0], purchase_id=key[1])


def unchanged(model: type[Any], stored: Mapping[str, Any]) -> Condition:
    """That the item of a purchase is what it was when it was read."""
    if not stored:
        absent: Condition = model.purchase_id.does_not_exist()
        return absent
    if "fingerprint" in stored:
        purchase: Condition = model.fingerprint == stored["fingerprint"]["S"]
    else:
        purchase = model.fingerprint.does_not_exist()
    both: Condition = purchase & refunds_are(model, len(stored_refunds(stored)))
    return both


def waiting_expiry(
    model: type[Any], retention: Retention, now: int, *, latest: int | None = None
) -> list[Action]:
    """Drops what waits for a purchase once that would not be taken any more.

    `latest` is when it was bought; None: not known, so as late as a purchase may be now.
    """
    expires = retention.purchases.expires(now + CLOCK_SKEW_US if latest is None else latest)
    return [] if expires is None else [model.expires_at.set(ttl_seconds(expires))]


def refund_map(refund: Refund) -> RefundMap:
    """The refund as an element of the list."""
    return RefundMap(  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
        refund_id=refund.refund_id, refunded_at=refund.refunded_at, amount_minor=refund.amount_minor
    )


def refunds_are(model: type[Any], count: int) -> Condition:
    """That there are so many refunds: as they are only ever added, the same ones."""
    if not count:
        none: Condition = model.refunds.does_not_exist()
        return none
    length = size(model.refunds)  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
    same: Condition = model.refunds.exists() & (length == count)
    return same

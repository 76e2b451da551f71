"""One transaction: what becomes of purchases, and their customer's recent item, or neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.dynamodb.recent import RecentUpdate, part_of, stored_recent
from adapters.dynamodb.wire import VENDOR, Deadline, DynamoClient, Reason, cancellation_reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a transaction was not committed, or may not have been.

    `of_purchases` has the reason of each of the first parts, where the store told them. `recent` is
    the item because of which the update was refused; None: it was not the reason.
    """

    failure: Exception
    of_purchases: Sequence[Reason] = ()
    recent: Mapping[str, Any] | None = None


async def transacted(
    client: DynamoClient,
    parts: Sequence[Mapping[str, Any]],
    update: RecentUpdate,
    deadline: Deadline,
) -> Refusal | None:
    """None once the transaction is committed. It is tried once.

    Raises:
        StoreUnavailable: there was no answer before the deadline; it may be committed.
    """
    request = {"TransactItems": [*parts, part_of(update, client.recent)]}
    try:
        await client.call_once(deadline, "TransactWriteItems", request)
    except VENDOR as exc:
        if not (reasons := cancellation_reasons(exc)):
            return Refusal(failure=exc)
        recent = await stored_recent(client, update, reasons[-1], deadline)
        return Refusal(failure=exc, of_purchases=reasons[:-1], recent=recent)
    return None

"""What erasing and exporting a customer need from outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.purchases import Lifetime, Purchase, Refund


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What one call removed of a customer; not `complete`: something is left, ask again.

    `refunds_waiting` counts purchases that did not come, for which refunds waited.
    """

    purchases: int
    cancelled: int
    recent_purchases: int
    refunds_waiting: int
    complete: bool


class CustomerEraser(Protocol):
    """Removes everything of a customer, and keeps out what comes for a while.

    Promises: once it is complete, no read finds anything of the customer. What records, cancels or
    rebuilds meanwhile leaves nothing behind. From the beginning of the erasure until the suppression
    is over, nothing of the customer is taken. Afterwards purchases are taken as a new customer's.
    Interrupted anywhere, asking again finishes. Other customers stay as they are. Whoever is suppressed
    can be listed, also where purchases came back by a restore.
    """

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        """What was removed; nothing is taken before that instant, microseconds since the epoch.

        Raises:
            StoreUnavailable: nothing may be erased yet, or asking again cannot help.
        """
        ...

    def suppressed(self) -> AsyncIterator[Mapping[str, int]]:
        """Every customer that was ever marked, page by page, with the end of the suppression.

        It may be over: the mark stays until it is dropped. Microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: they could not all be read.
        """
        ...


class CampaignEraser(Protocol):
    """Hides a customer from every reader of campaigns, until the bytes are gone too.

    Promises: from `begin` on no reader meets the customer in any campaign; after `finish`, in those
    whose creation had begun until then. Campaigns that are being created are covered. Where no
    campaign was ever begun nothing is kept. Asking again is safe.
    """

    def begin(self, customer_id: str, at: int, /) -> bool:
        """Whether there are campaigns; an erasure begins, in microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: the customer may not be hidden.
        """
        ...

    def finish(self, customer_id: str, at: int, /) -> None:
        """The erasure is complete; later campaigns are of a new customer.

        Raises:
            StoreUnavailable: the customer may stay hidden.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """All that is stored about a customer.

    `cancelled` says when, by purchase_id; `waiting` are refunds by the id of a purchase that did
    not come; `lifetime` are the totals that are kept, if any are; `counted_in` are the categories whose
    approximate number of customers rests on a hash of this one's id. Instants in microseconds, UTC.
    """

    purchases: Sequence[Purchase]
    cancelled: Mapping[str, int]
    waiting: Mapping[str, Sequence[Refund]]
    recent: Sequence[Purchase]
    lifetime: Lifetime | None
    counted_in: Sequence[str]
    suppressed_until: int | None


class CustomerRecords(Protocol):
    """Tells all that is stored about a customer, whether it counts for predictions or not.

    Promises: complete or an error, never a part; strongly consistent; an unknown customer has
    nothing; purchases oldest first, ties by purchase_id.
    """

    async def of(self, customer_id: str, /) -> CustomerRecord:
        """Everything as it is stored now.

        Raises:
            StoreUnavailable: not everything could be read before the deadline.
            CorruptRecord: something stored cannot be read.
        """
        ...


class DecisionEraser(Protocol):
    """Hides from every reader the customer of decisions that were logged.

    Promises: from `begin` on no reader is told the customer or the features of any of the
    customer's decisions; after `finish`, of those until then. Decisions that are not written yet
    are covered. Asking again is safe.
    """

    def begin(self, customer_id: str, at: int, /) -> None:
        """An erasure begins, in microseconds since the epoch, UTC; all decisions are hidden.

        Raises:
            StoreUnavailable: they may not be hidden.
        """
        ...

    def finish(self, customer_id: str, at: int, /) -> None:
        """The erasure is complete; later decisions are of a new customer.

        Raises:
            StoreUnavailable: all of them may stay hidden.
        """
        ...

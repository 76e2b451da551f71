"""What recent purchases need from outside: to be read and rebuilt."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from domain.recent.history import RecentHistory
from domain.values import Reach

if TYPE_CHECKING:
    from domain.recent.columns import RecentColumns  # numpy, which few commands need

BATCH_CUSTOMERS = 100
"""Customers per read of the recent purchases. Source: AWS, BatchGetItem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentBatch:
    """The answer to one read of recent purchases: histories, and whom the store left unread.

    Whoever is in `columns` is not among the histories, and the other way round. `left_out`: a customer who is not among them need not be without purchases.
    """

    histories: Sequence[RecentHistory]
    unread: Sequence[str]
    columns: "RecentColumns | None" = None
    left_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """How large a table is; the store counts seldom, so this is hours old."""

    items: int
    bytes: int


class RecentPurchases(Protocol):
    """The last days' purchases of many customers, and the totals of all, one round trip per hundred.

    Promises: every customer asked for is either answered once or named as unread; a customer
    without purchases has an empty history. Days that are not complete are named, never passed off as
    complete. An id of more than seven bytes may be a digest, the same each time: see `as_listed`.
    Totals that may not be true are not told. Reads are strongly consistent, unless
    it was made for eventual ones. A batch is not retried, for the caller knows the deadline.
    """

    @property
    def complete_since(self) -> int:
        """The UTC day before which no history that is read now can be complete."""
        ...

    async def one(self, customer_id: str, /) -> RecentHistory:
        """One customer's, retried for as long as an answer waits.

        Raises:
            StoreUnavailable: it was not read before the deadline.
            CorruptRecord: a stored element cannot be read as a purchase.
        """
        ...

    async def read(
        self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
    ) -> RecentBatch:
        """One round trip for at most a hundred distinct customers.

        Any of them may be answered in columns that tell what must be known `columns_for` a reach.

        Raises:
            StoreUnavailable: none of them was read; asking again may help if `transient`.
            CorruptRecord: a stored element cannot be read as a purchase.
        """
        ...

    def scan(
        self,
        *,
        segment: int,
        segments: int,
        bought_in: str | None = None,
        columns_for: Reach | None = None,
    ) -> AsyncIterator[RecentBatch]:
        """Every stored history of one segment, page by page; customers without one are absent.

        Any of them may come in columns, as with `read`. Who never bought in the category `bought_in` may be left out.

        Raises:
            StoreUnavailable: the segment could not be read to its end.
        """
        ...

    async def size(self) -> TableSize:
        """How many customers are stored, and how many bytes those are.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...


class RecentRebuilder(Protocol):
    """Computes one customer's recent purchases again from the truth.

    Promises: afterwards they and the totals are those of the stored purchases. A purchase recorded
    or cancelled meanwhile is neither lost nor doubled. Where nothing is wrong nothing is written, nor of an erased customer.
    """

    async def rebuild(self, customer_id: str, /) -> bool:
        """Whether anything had to be changed.

        Raises:
            StoreUnavailable: it may or may not be rebuilt; asking again is safe.
        """
        ...

    def stored(self) -> AsyncIterator[Sequence[str]]:
        """The ids of everybody with recent purchases or totals, page by page, whatever they hold.

        Raises:
            StoreUnavailable: they could not be read to the end.
        """
        ...

    async def finish(self, *, began_at: int) -> Mapping[int, int]:
        """After a rebuild of everybody: windows as long as it kept are complete for every customer.

        Unless others went on writing with shorter retentions since it began: then those are returned,
        by the days they keep, with when they last wrote; they bind as before. Instants are
        microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: nothing is promised yet; asking again is safe.
        """
        ...

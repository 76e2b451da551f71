"""What the domain needs from outside. Each promise is a test in tests/contracts/."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.purchase import Purchase
from domain.recent import RecentHistory


class Recording(StrEnum):
    """What became of one valid purchase handed to the store."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    CANCELLED = "cancelled"
    ERASED = "erased"


class Cancelling(StrEnum):
    """What became of one cancellation handed to the store."""

    CANCELLED = "cancelled"
    ALREADY_CANCELLED = "already_cancelled"
    ERASED = "erased"


class Clock(Protocol):
    """Tells the time.

    Promises: microseconds since the epoch, UTC; later calls are never much earlier.
    """

    def __call__(self) -> int:
        """The present instant."""
        ...


class PurchaseRecorder(Protocol):
    """Writes purchases, each exactly once.

    Promises: an acknowledged purchase is in every later read; the same purchase again is a
    duplicate and changes nothing; another payload under a stored id is a conflict and changes
    nothing; under a cancelled id every payload is cancelled and changes nothing; of an erased
    customer every purchase is erased and changes nothing while the suppression lasts; the history
    and the recent purchases change together or not at all.
    """

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        """One outcome per purchase, in order; all of one customer, with distinct ids.

        Raises:
            StoreUnavailable: some may be recorded; sending all of them again is safe.
        """
        ...


class PurchaseCanceller(Protocol):
    """Removes purchases for good, whether they came before or come later.

    Promises: a cancelled purchase is in no later read, and never recorded again; cancelling again
    changes nothing; of an erased customer nothing is kept, also no cancellation, while the
    suppression lasts; the history and the recent purchases change together or not at all.
    """

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        """Whether this call cancelled the purchase, which need not be recorded yet.

        Raises:
            StoreUnavailable: it may or may not be cancelled; asking again is safe.
            CorruptRecord: what is stored under the id is no purchase.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What one call removed of a customer; not `complete`: something is left, ask again."""

    purchases: int
    cancelled: int
    recent_purchases: int
    complete: bool


class CustomerEraser(Protocol):
    """Removes everything of a customer, and keeps out what comes for a while.

    Promises: once it is complete, no read finds anything of the customer; whoever records, cancels
    or rebuilds meanwhile leaves nothing behind; nothing of the customer is taken from the
    beginning of the erasure until it is complete and the suppression is over, then purchases are
    taken as a new customer's; interrupted anywhere, asking again finishes; other customers stay
    as they are.
    """

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        """What was removed; nothing is taken before that instant, microseconds since the epoch.

        Raises:
            StoreUnavailable: nothing may be erased yet, or asking again cannot help.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """All that is stored about a customer.

    `cancelled` says when, by purchase_id; `counted_in` are the categories whose approximate
    number of customers rests on a hash of this one's id. Instants in microseconds, UTC.
    """

    purchases: Sequence[Purchase]
    cancelled: Mapping[str, int]
    recent: Sequence[Purchase]
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


class PurchaseHistory(Protocol):
    """One customer's purchases by time, as the truth has them.

    Promises: strongly consistent; complete or an error, never a part, so that nobody can ask back
    beyond the retention of purchases; oldest first, ties by purchase_id; an unknown customer has
    an empty history.
    """

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        """The purchases in (after, until], microseconds since the epoch, UTC.

        Raises:
            InvalidRequest: `after` lies before what is kept.
            StoreUnavailable: the whole span could not be read before the deadline.
            CorruptRecord: a stored purchase cannot be read as one.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentBatch:
    """The answer to one read of recent purchases: histories, and whom the store left unread."""

    histories: Sequence[RecentHistory]
    unread: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """How large a table is; the store counts seldom, so this is hours old."""

    items: int
    bytes: int


class RecentPurchases(Protocol):
    """The last days' purchases of many customers, one round trip per hundred.

    Promises: every customer asked for is either answered once or named as unread; a customer
    without recent purchases has an empty history; days that are not complete are named, never
    passed off as complete; strongly consistent; a batch is not retried, for the caller knows the
    deadline.
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

    async def read(self, customer_ids: Sequence[str], /) -> RecentBatch:
        """One round trip for at most a hundred distinct customers.

        Raises:
            StoreUnavailable: none of them was read; asking again may help if `transient`.
            CorruptRecord: a stored element cannot be read as a purchase.
        """
        ...

    def scan(self, *, segment: int, segments: int) -> AsyncIterator[RecentBatch]:
        """Every stored history of one segment, page by page; customers without one are absent.

        Raises:
            StoreUnavailable: the segment could not be read to its end.
        """
        ...

    async def size(self) -> TableSize:
        """How many customers have recent purchases, and how many bytes those are.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...


class RecentRebuilder(Protocol):
    """Computes one customer's recent purchases again from the truth.

    Promises: afterwards they are what the truth says; whoever records or cancels meanwhile is
    neither lost nor doubled; where nothing is wrong nothing is written, nor of an erased customer.
    """

    async def rebuild(self, customer_id: str, /) -> bool:
        """Whether anything had to be changed.

        Raises:
            StoreUnavailable: it may or may not be rebuilt; asking again is safe.
        """
        ...

    async def finish(self, *, began_at: int) -> Mapping[int, int]:
        """After a rebuild of everybody: windows as long as it kept are complete, whoever the customer.

        Unless others went on writing with shorter retentions since it began: then those are returned,
        by the days they keep, with when they last wrote; they bind as before. Instants are
        microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: nothing is promised yet; asking again is safe.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """Customers in ascending order, each once; `more` says whether any may follow the last."""

    customers: Sequence[str]
    more: bool


class CategoryIndex(Protocol):
    """Who ever bought in a category.

    Promises: a customer of a category is in exactly one of its shards, the same one in every
    category; the pages of a shard, each asked for after the last customer of the one before,
    yield every customer once, in ascending order of UTF-8 bytes; a page is never empty while
    there is more. The index may run behind the truth by a moment.
    """

    @property
    def shards(self) -> int:
        """How many shards every category has."""
        ...

    async def categories(self) -> Mapping[str, int]:
        """Every category ever bought in, ascending, with its approximate number of customers.

        Raises:
            StoreUnavailable: the list could not be read completely.
        """
        ...

    async def customers(self, category: str, /) -> int | None:
        """The approximate number of customers of one category; None if nobody ever bought in it.

        Raises:
            StoreUnavailable: the store did not answer before the deadline.
        """
        ...

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard: those after `after`, at most about `most`.

        Raises:
            StoreUnavailable: the page could not be read before the deadline.
        """
        ...


class Scorer(Protocol):
    """Turns features into probabilities.

    Promises: a pure function of each row, whatever its neighbours; rejects non-finite input.
    """

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """One probability in [0, 1] per row. Shape: (n, k) float64 to (n,) float64.

        Raises:
            ValueError: the matrix has another width, or holds a value that is not finite.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row of a source, not yet validated.

    `number` counts from 1 as a person would find the row; `raw` holds its fields, or is None
    where `problem` says why the row cannot be read; `text` is then what stands there, as far as
    the source can tell. `progress` counts towards the source's total.
    """

    number: int
    raw: Mapping[str, object] | None
    problem: str | None = None
    text: str | None = None
    progress: int


class PurchaseSource(Protocol):
    """Purchases in some outside form, such as a file.

    Promises: bounded memory; every row appears, in order, the unreadable ones with the reason;
    amounts are int or Decimal, never rounded on the way; reading again gives the same rows;
    progress never decreases and ends at the total.
    """

    @property
    def total(self) -> int:
        """What progress counts up to, in units of the source's choice."""
        ...

    def rows(self) -> Iterator[RawRow]:
        """Every row from the beginning.

        Raises:
            Rejected: the source as a whole cannot be read; says why.
        """
        ...


class StoreHealth(Protocol):
    """Whether the tables answer.

    Promises: reads every table, and changes nothing.
    """

    async def check(self) -> None:
        """Returns once every table has answered a read.

        Raises:
            StoreUnavailable: names the table and the trouble.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as it was received; `receipt` belongs to this receiving of it.

    `reason` is why it is a dead letter, `group` within what its queue keeps the order; or None.
    """

    receipt: str
    message_id: str
    body: str
    reason: str | None = None
    group: str | None = None


class MessageQueue(Protocol):
    """Messages, each at least once.

    Promises: what was sent is received until it is deleted; while it is hidden nobody receives
    it. Every method raises StoreUnavailable where the queue does not answer.
    """

    async def receive(self, *, wait_s: int, visibility_s: int) -> Sequence[Message]:
        """Some messages, hidden for `visibility_s` seconds; none if none came within `wait_s`."""
        ...

    async def delete(self, messages: Sequence[Message], /) -> None:
        """None of them comes again."""
        ...

    async def hide(self, messages: Sequence[Message], /, *, seconds: int) -> None:
        """Nobody receives them for so long from now on; 0: at once."""
        ...

    async def send(self, body: str, /, *, reason: str | None, group: str | None) -> None:
        """The message is in the queue."""
        ...

"""What purchases need from outside: to be written, cancelled, read and imported."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from domain.purchases.purchase import Purchase
from domain.purchases.refund import Refund


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


class Refunding(StrEnum):
    """What became of one valid refund handed to the store."""

    RECORDED = "recorded"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    EXCESS = "excess"
    CANCELLED = "cancelled"
    ERASED = "erased"


class PurchaseRecorder(Protocol):
    """Writes purchases, each exactly once.

    Promises: an acknowledged purchase is in every later read; the same purchase again is a
    duplicate and changes nothing; another payload under a stored id is a conflict and changes
    nothing; under a cancelled id every payload is cancelled and changes nothing; a purchase that
    is smaller than the refunds that wait for it is a conflict and changes nothing; of an erased
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


class PurchaseRefunder(Protocol):
    """Adds refunds to purchases, each exactly once, whether they came before or come later.

    Promises: an acknowledged refund is in every later read of its purchase, with it or once it
    comes. One that came before its purchase is waiting. Every other outcome changes nothing: the
    same again is a duplicate, another one under its id a conflict. One that would give back more
    than was paid, or is the 51st, is in excess. Of a cancelled purchase it is cancelled, of an
    erased customer erased. The history and the recent purchases change together or not at all.
    """

    async def refund(
        self, customer_id: str, purchase_id: str, refund: Refund, /, *, dated: bool
    ) -> Refunding:
        """What became of it; not `dated`: the instant is no part of what makes it the same.

        Raises:
            StoreUnavailable: it may or may not be recorded; sending it again is safe.
            CorruptRecord: what is stored under the id is no purchase.
        """
        ...


class PurchaseHistory(Protocol):
    """One customer's purchases by time, each with all its refunds, as the truth has them.

    Promises: strongly consistent, unless it was made for eventual reads. Complete or an error,
    never a part, so that nobody can ask back beyond the retention of purchases. Oldest first, ties
    by purchase_id. An unknown customer has an empty history.
    """

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        """The purchases in (after, until], microseconds since the epoch, UTC.

        Raises:
            InvalidRequest: `after` lies before what is kept.
            StoreUnavailable: the whole span could not be read before the deadline.
            CorruptRecord: a stored purchase cannot be read as one.
        """
        ...


class RowKind(StrEnum):
    """What a row of a source is."""

    PURCHASE = "purchase"
    REFUND = "refund"
    CANCELLATION = "cancellation"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row of a source, not yet validated.

    `number` counts from 1 as a person would find the row; `raw` holds its fields, or is None
    where `problem` says why the row cannot be read, and `field` where; `text` is then what stands
    there, as far as the source can tell. `progress` counts towards the source's total.
    """

    number: int
    raw: Mapping[str, object] | None
    problem: str | None = None
    field: str = "row"
    text: str | None = None
    progress: int
    kind: RowKind = RowKind.PURCHASE


class SeenIds(Protocol):
    """Counts how often each purchase id of each customer came in one import.

    Promises: exact, in bounded memory, for any number of ids and any text.
    """

    def count(self, who: str, purchase_id: str, row: int, /) -> tuple[int, int]:
        """How often it came, this time included, and in which row it came first."""
        ...

    def close(self) -> None:
        """Forgets everything."""
        ...


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

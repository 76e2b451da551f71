"""Histories: the purchases of many customers as columns, ready for array arithmetic."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from domain.features.earlier import NEVER, Earlier, earlier_of
from domain.purchases import Purchase, PurchaseColumns

_NOTHING_BACK: NDArray[np.int64] = np.empty((0, 3), dtype=np.int64)


def _none() -> NDArray[np.int64]:
    return _NOTHING_BACK[:, 0]


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """The purchases of n customers, m in all; customer i owns rows offsets[i]:offsets[i + 1].

    Shape: offsets (n + 1,) int64; purchased_at (m,) int64 in microseconds since the epoch, UTC;
    amount_minor (m,) int64; category (m,) int64, an index into `categories`. Of r refunds:
    refund_of (r,) int64, the row of the purchase; refunded_at and refund_minor (r,) int64.
    `earlier` are purchases that have no rows, in totals; None: there are none. A customer without a
    row has an empty id.
    """

    offsets: NDArray[np.int64]
    purchased_at: NDArray[np.int64]
    amount_minor: NDArray[np.int64]
    category: NDArray[np.int64]
    categories: Sequence[str]
    refund_of: NDArray[np.int64] = field(default_factory=_none)
    refunded_at: NDArray[np.int64] = field(default_factory=_none)
    refund_minor: NDArray[np.int64] = field(default_factory=_none)
    earlier: Earlier | None = None
    customer_ids: Sequence[str] = ()

    @classmethod
    def of(cls, histories: Iterable[Sequence[Purchase]]) -> "Histories":
        """Columns of any number of customers' purchases, in any order, each counted once.

        Raises:
            CorruptRecord: two different purchases of one customer share an id, or more are listed
                than there are in all.
        """
        offsets = [0]
        purchased_at: list[int] = []
        amount_minor: list[int] = []
        category: list[int] = []
        codes: dict[str, int] = {}
        refunds: list[tuple[int, int, int]] = []
        everybody: list[PurchaseColumns] = []
        for purchases in histories:
            columns = PurchaseColumns.of(purchases)
            everybody.append(columns)
            if columns.refunds:
                refunds += _refunds(columns, first=len(purchased_at))
            purchased_at += columns.purchased_at
            amount_minor += columns.amount_minor
            category += [codes.setdefault(name, len(codes)) for name in columns.category]
            offsets.append(len(purchased_at))
        given_back = np.array(refunds, dtype=np.int64) if refunds else _NOTHING_BACK
        return cls(
            offsets=np.array(offsets, dtype=np.int64),
            purchased_at=np.array(purchased_at, dtype=np.int64),
            amount_minor=np.array(amount_minor, dtype=np.int64),
            category=np.array(category, dtype=np.int64),
            categories=tuple(codes),
            refund_of=given_back[:, 0],
            refunded_at=given_back[:, 1],
            refund_minor=given_back[:, 2],
            earlier=earlier_of(everybody),
            customer_ids=[columns.customer_id for columns in everybody],
        )

    @classmethod
    def of_each(cls, histories: Mapping[str, Sequence[Purchase]]) -> "Histories":
        """As `of`, where it is known whose each history is, the empty ones too."""
        return replace(cls.of(histories.values()), customer_ids=list(histories))

    def known_at(self, as_of: int) -> "Histories":
        """These with what was left of each purchase at that instant, in microseconds, UTC.

        A purchase that was refunded in full by then counts no more: it lies at no instant.
        """
        if not len(self.refunded_at):
            return self
        early = self.refunded_at <= as_of
        if not early.any():
            return self
        amount_minor, purchased_at = self.amount_minor.copy(), self.purchased_at.copy()
        rows = self.refund_of[early]
        np.subtract.at(amount_minor, rows, self.refund_minor[early])
        purchased_at[rows[amount_minor[rows] == 0]] = NEVER
        return replace(self, amount_minor=amount_minor, purchased_at=purchased_at)

    def moved(self, by: NDArray[np.int64]) -> "Histories":
        """These with everything of each customer moved in time. Shape: (n,), microseconds."""
        of_each = by[self.customer]
        return replace(
            self,
            purchased_at=self.purchased_at + of_each,
            refunded_at=self.refunded_at + of_each[self.refund_of],
            earlier=None if self.earlier is None else self.earlier.moved(by),
        )

    def only(self, chosen: NDArray[np.bool_]) -> "Histories":
        """These of some customers, in the same order. Shape: (n,) bool."""
        if chosen.all():
            return self
        counts = np.diff(self.offsets)
        rows = np.repeat(chosen, counts)
        refunds = rows[self.refund_of]
        moved = np.cumsum(rows) - 1
        return replace(
            self,
            offsets=np.concatenate(([0], np.cumsum(counts[chosen]))),
            purchased_at=self.purchased_at[rows],
            amount_minor=self.amount_minor[rows],
            category=self.category[rows],
            refund_of=moved[self.refund_of[refunds]],
            refunded_at=self.refunded_at[refunds],
            refund_minor=self.refund_minor[refunds],
            earlier=None if self.earlier is None else self.earlier.only(chosen),
            customer_ids=list(compress(self.customer_ids, chosen)),
        )

    def __len__(self) -> int:
        """The number of customers."""
        return len(self.offsets) - 1

    @property
    def known(self) -> NDArray[np.bool_]:
        """Of whom anything is known: listed, or in totals. Shape: (n,) bool."""
        listed: NDArray[np.bool_] = self.offsets[1:] > self.offsets[:-1]
        return listed if self.earlier is None else listed | (self.earlier.count > 0)

    @property
    def customer(self) -> NDArray[np.int64]:
        """The customer's position of every purchase. Shape: (m,) int64."""
        if len(self) == 1:
            return np.zeros(len(self.purchased_at), dtype=np.int64)
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def reduced(
        self, reduce: np.ufunc, values: NDArray[np.int64] | NDArray[np.bool_], *, empty: int
    ) -> NDArray[np.int64]:
        """Each customer's values reduced to one, or `empty` without any.

        Shape: (m,) to (n,) int64, or (w, m) to (w, n).
        """
        starts = self.offsets[:-1]
        if len(self) == 1 and len(values.T):  # half the calls, exactly the same
            return reduce.reduceat(values, starts, axis=-1, dtype=np.int64)
        filled = starts < self.offsets[1:]
        reduced = np.full((*values.shape[:-1], len(self)), empty, dtype=np.int64)
        if len(values.T):
            reduced[..., filled] = reduce.reduceat(values, starts[filled], axis=-1, dtype=np.int64)
        return reduced


def _refunds(columns: PurchaseColumns, *, first: int) -> Iterator[tuple[int, int, int]]:
    """The row, instant and amount of every refund of these purchases."""
    for row, purchase_id in enumerate(columns.purchase_id, start=first):
        for refund in columns.refunds.get(purchase_id, ()):
            yield row, refund.refunded_at, refund.amount_minor

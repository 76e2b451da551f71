"""Histories: the purchases of many customers as columns, ready for array arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import CorruptRecord
from domain.purchase import Purchase


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """The purchases of n customers, m in all; customer i owns rows offsets[i]:offsets[i + 1].

    Shape: offsets (n + 1,) int64; purchased_at (m,) int64 in microseconds since the epoch, UTC;
    amount_minor (m,) int64; category (m,) int64, an index into `categories`.
    """

    offsets: NDArray[np.int64]
    purchased_at: NDArray[np.int64]
    amount_minor: NDArray[np.int64]
    category: NDArray[np.int64]
    categories: Sequence[str]

    @classmethod
    def of(cls, histories: Iterable[Sequence[Purchase]]) -> "Histories":
        """Columns of any number of customers' purchases, in any order, each counted once.

        Raises:
            CorruptRecord: two different purchases of one customer share an id.
        """
        offsets = [0]
        rows: list[Purchase] = []
        for purchases in histories:
            rows.extend(_each_once(purchases))
            offsets.append(len(rows))
        codes: dict[str, int] = {}
        category = [codes.setdefault(row.category, len(codes)) for row in rows]
        return cls(
            offsets=np.array(offsets, dtype=np.int64),
            purchased_at=np.array([row.purchased_at for row in rows], dtype=np.int64),
            amount_minor=np.array([row.amount_minor for row in rows], dtype=np.int64),
            category=np.array(category, dtype=np.int64),
            categories=tuple(codes),
        )

    def __len__(self) -> int:
        """The number of customers."""
        return len(self.offsets) - 1

    @property
    def customer(self) -> NDArray[np.int64]:
        """The customer's position of every purchase. Shape: (m,) int64."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def count(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many chosen purchases each customer has. Shape: (m,) bool to (n,) int64."""
        return self.total(chosen, np.ones(len(chosen), dtype=np.int64))

    def total(self, chosen: NDArray[np.bool_], values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum of the chosen values per customer, exact. Shape: (m,) to (n,) int64.

        The running sum may wrap around; the difference of two of its values does not, as long
        as one customer's own sum fits into 63 bits.
        """
        running = np.zeros(len(values) + 1, dtype=np.int64)
        np.cumsum(np.where(chosen, values, 0), out=running[1:])
        return running[self.offsets[1:]] - running[self.offsets[:-1]]

    def largest(
        self, chosen: NDArray[np.bool_], values: NDArray[np.int64], *, empty: int
    ) -> NDArray[np.int64]:
        """The largest chosen value per customer, or `empty`. Shape: (m,) to (n,) int64."""
        result = np.full(len(self), empty, dtype=np.int64)
        starts = self.offsets[:-1]
        filled = starts < self.offsets[1:]
        if filled.any():
            result[filled] = np.maximum.reduceat(np.where(chosen, values, empty), starts[filled])
        return result

    def distinct_categories(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many categories each customer's chosen purchases have. Shape: (m,) to (n,) int64."""
        width = max(len(self.categories), 1)
        pairs = np.unique(self.customer[chosen] * width + self.category[chosen])
        return np.bincount(pairs // width, minlength=len(self)).astype(np.int64)


def _each_once(purchases: Sequence[Purchase]) -> Iterable[Purchase]:
    by_id: dict[str, Purchase] = {}
    for purchase in purchases:
        first = by_id.setdefault(purchase.purchase_id, purchase)
        if first is not purchase and first != purchase:
            raise CorruptRecord(
                f"two different purchases of one customer share the id {purchase.purchase_id!r}"
            )
    return by_id.values()

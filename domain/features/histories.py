"""Histories: the purchases of many customers as columns, ready for array arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.purchases import Purchase, PurchaseColumns


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
        purchased_at: list[int] = []
        amount_minor: list[int] = []
        category: list[int] = []
        codes: dict[str, int] = {}
        for purchases in histories:
            columns = PurchaseColumns.of(purchases)
            purchased_at += columns.purchased_at
            amount_minor += columns.amount_minor
            category += [codes.setdefault(name, len(codes)) for name in columns.category]
            offsets.append(len(purchased_at))
        return cls(
            offsets=np.array(offsets, dtype=np.int64),
            purchased_at=np.array(purchased_at, dtype=np.int64),
            amount_minor=np.array(amount_minor, dtype=np.int64),
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
        return self._of_each(np.add, chosen.astype(np.int64), empty=0)

    def total(self, chosen: NDArray[np.bool_], values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum of the chosen values per customer, exact. Shape: (m,) to (n,) int64."""
        return self._of_each(np.add, chosen * values, empty=0)

    def largest(
        self, chosen: NDArray[np.bool_], values: NDArray[np.int64], *, empty: int
    ) -> NDArray[np.int64]:
        """The largest chosen value per customer, or `empty`. Shape: (m,) to (n,) int64."""
        return self._of_each(np.maximum, np.where(chosen, values, empty), empty=empty)

    def _of_each(
        self, reduce: np.ufunc, values: NDArray[np.int64], *, empty: int
    ) -> NDArray[np.int64]:
        """Each customer's values reduced to one, or `empty` without any. Shape: (m,) to (n,) int64."""
        starts = self.offsets[:-1]
        filled = starts < self.offsets[1:]
        reduced: NDArray[np.int64]
        if filled.all() and len(values):  # as with one customer: half the calls
            reduced = reduce.reduceat(values, starts)
            return reduced
        reduced = np.full(len(self), empty, dtype=np.int64)
        if len(values):
            reduced[filled] = reduce.reduceat(values, starts[filled])
        return reduced

    def distinct_categories(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many categories each customer's chosen purchases have. Shape: (m,) to (n,) int64."""
        width = max(len(self.categories), 1)
        pairs = np.unique(self.customer[chosen] * width + self.category[chosen])
        return np.bincount(pairs // width, minlength=len(self)).astype(np.int64)

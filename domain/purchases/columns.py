"""Histories: the purchases of many customers as columns, ready for array arithmetic."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast, overload

import numpy as np
from numpy.typing import NDArray

from domain.errors import CorruptRecord
from domain.purchases.purchase import Purchase


@dataclass(slots=True, eq=False)
class PurchaseColumns(Sequence[Purchase]):
    """One customer's purchases as columns, in any order; as a sequence, oldest first.

    Thousands of purchases are read for features alone: as columns none of them becomes an object.
    Ties in time go by purchase_id.
    """

    customer_id: str
    purchase_id: list[str]
    purchased_at: list[int]
    category: list[str]
    amount_minor: list[int]

    @classmethod
    def of(cls, purchases: Sequence[Purchase]) -> "PurchaseColumns":
        """The columns of one customer's purchases, each counted once.

        Raises:
            CorruptRecord: two different purchases share an id.
        """
        if isinstance(purchases, cls):
            _check_distinct(purchases.purchase_id)
            return purchases
        rows = _each_once(purchases)
        return cls(
            customer_id=purchases[0].customer_id if purchases else "",
            purchase_id=[row.purchase_id for row in rows],
            purchased_at=[row.purchased_at for row in rows],
            category=[row.category for row in rows],
            amount_minor=[row.amount_minor for row in rows],
        )

    def within(self, *, after: int, until: int) -> "PurchaseColumns":
        """Those in (after, until], microseconds since the epoch, UTC."""
        if all(after < at <= until for at in self.purchased_at):
            return self
        chosen = [n for n, at in enumerate(self.purchased_at) if after < at <= until]
        return PurchaseColumns(
            customer_id=self.customer_id,
            purchase_id=[self.purchase_id[n] for n in chosen],
            purchased_at=[self.purchased_at[n] for n in chosen],
            category=[self.category[n] for n in chosen],
            amount_minor=[self.amount_minor[n] for n in chosen],
        )

    def __len__(self) -> int:
        return len(self.purchased_at)

    @overload
    def __getitem__(self, index: int) -> Purchase: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Purchase]: ...
    def __getitem__(self, index: int | slice) -> Purchase | Sequence[Purchase]:
        return list(self)[index]

    def __iter__(self) -> Iterator[Purchase]:
        rows = zip(
            self.purchased_at, self.purchase_id, self.category, self.amount_minor, strict=True
        )
        for at, purchase_id, category, amount_minor in sorted(rows):
            yield Purchase(
                customer_id=self.customer_id,
                purchase_id=purchase_id,
                purchased_at=at,
                category=category,
                amount_minor=amount_minor,
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(cast("Sequence[object]", other))

    __hash__ = None  # type: ignore[assignment]  # its lists may change


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


def _check_distinct(ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        shared = next(each for each in ids if ids.count(each) > 1)
        raise _sharing(shared)


def _each_once(purchases: Sequence[Purchase]) -> Sequence[Purchase]:
    by_id: dict[str, Purchase] = {}
    for purchase in purchases:
        first = by_id.setdefault(purchase.purchase_id, purchase)
        if first is not purchase and first != purchase:
            raise _sharing(purchase.purchase_id)
    return list(by_id.values())


def _sharing(purchase_id: str) -> CorruptRecord:
    return CorruptRecord(f"two different purchases of one customer share the id {purchase_id!r}")

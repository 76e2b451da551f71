"""Earlier purchases: those that are known by their totals only, customer by customer.

A recent item lists the purchases of the last days, and has the totals of all. The difference is what
was bought before. All of it lies before every as_of that the recent item answers for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from domain.errors import CorruptRecord
from domain.purchases import PurchaseColumns, refunded_minor
from domain.values import BEGINNING

NEVER = np.iinfo(np.int64).max
"""An instant after every other."""


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """What n customers bought and no row lists.

    Shape: each (n,) int64. `first_at` and `last_at` are those of the whole life, in microseconds
    since the epoch, UTC; NEVER and BEGINNING where nothing is left out.
    """

    count: NDArray[np.int64]
    volume_minor: NDArray[np.int64]
    first_at: NDArray[np.int64]
    last_at: NDArray[np.int64]
    _left_out_in: Callable[[str], NDArray[np.int64]]
    """How many of them are of one category, less than none where totals are untrue; few ask."""

    def count_in(self, category: str) -> NDArray[np.int64]:
        """How many of them are of one category. Shape: (n,) int64.

        Raises:
            CorruptRecord: more is listed of a customer than there is in all.
        """
        found = self._left_out_in(category)
        if (found < 0).any():
            raise untrue()
        return found

    def only(self, chosen: NDArray[np.bool_]) -> "Earlier":
        """These of some customers. Shape: (n,) bool."""
        return Earlier(
            self.count[chosen],
            self.volume_minor[chosen],
            self.first_at[chosen],
            self.last_at[chosen],
            lambda category: self._left_out_in(category)[chosen],
        )

    def moved(self, by: NDArray[np.int64]) -> "Earlier":
        """These with everything of each customer moved in time. Shape: (n,), microseconds."""
        some = self.count > 0
        return replace(
            self,
            first_at=np.where(some, self.first_at + by, self.first_at),
            last_at=np.where(some, self.last_at + by, self.last_at),
        )


def earlier_of(columns: Sequence[PurchaseColumns]) -> Earlier | None:
    """What each customer bought beyond what is listed; None: everything of everybody is listed.

    Raises:
        CorruptRecord: more is listed of a customer than there is in all.
    """
    if all(each.lifetime is None for each in columns):
        return None
    rows = np.array([_left_out(each) for each in columns], dtype=np.int64)
    return Earlier(
        rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], partial(_left_out_of_each_in, columns)
    )


def _left_out(columns: PurchaseColumns) -> tuple[int, int, int, int]:
    lifetime = columns.lifetime
    if lifetime is None:
        return 0, 0, NEVER, BEGINNING
    count = lifetime.purchases - len(columns)
    volume_minor = lifetime.volume_minor - sum(columns.amount_minor)
    if columns.refunds:
        count += len(_given_back(columns))
        volume_minor += sum(
            refunded_minor(columns.refunds.get(purchase_id, ()))
            for purchase_id in columns.purchase_id
        )
    if not count and not volume_minor:
        return 0, 0, NEVER, BEGINNING
    if count <= 0 or volume_minor < 0 or lifetime.first_at is None or lifetime.last_at is None:
        raise untrue()
    return count, volume_minor, lifetime.first_at, lifetime.last_at


def _left_out_of_each_in(columns: Sequence[PurchaseColumns], category: str) -> NDArray[np.int64]:
    left_out = (_left_out_in(each, category) for each in columns)
    return np.fromiter(left_out, dtype=np.int64, count=len(columns))


def _left_out_in(columns: PurchaseColumns, category: str) -> int:
    if columns.lifetime is None:
        return 0
    count = columns.lifetime.categories.get(category, 0) - columns.category.count(category)
    if columns.refunds:
        count += sum(columns.category[row] == category for row in _given_back(columns))
    return count


def untrue() -> CorruptRecord:
    """The error of totals that are less than what is listed."""
    return CorruptRecord(
        "a customer's totals do not hold what is listed of them; rebuild the customer"
    )


def _given_back(columns: PurchaseColumns) -> list[int]:
    """The rows of the purchases that were refunded in full."""
    return [
        row
        for row, purchase_id in enumerate(columns.purchase_id)
        if purchase_id in columns.refunds
        and refunded_minor(columns.refunds[purchase_id]) == columns.amount_minor[row]
    ]

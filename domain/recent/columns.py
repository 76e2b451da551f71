"""Many customers' recent purchases as columns, and for which instants they suffice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.features import Histories, LifetimeColumns
from domain.values import MICROS_PER_DAY, Reach, day_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecentColumns:
    """What RecentHistory tells of one customer, of n: those whose days are all complete.

    Of what is listed nothing was given back. Shape: complete_since (n,) int64, UTC days since the epoch.
    `lifetimes` None: nobody asked for totals, or there are none.
    """

    complete_since: NDArray[np.int64]
    histories: Histories
    lifetimes: LifetimeColumns | None = None

    @property
    def customers(self) -> frozenset[str]:
        """Whose they are."""
        return frozenset(self.histories.customer_ids)

    def answer(self, reach: Reach, as_of: int) -> NDArray[np.bool_]:
        """Of whom all that must be known at that instant is. Shape: (n,) bool."""
        enough = self.complete_since <= day_of(reach.window.after(as_of) + 1)
        return enough & self._totals_at(as_of) if reach.ever else enough

    def only(self, chosen: NDArray[np.bool_]) -> "RecentColumns":
        """Those of some customers. Shape: (n,) bool."""
        if chosen.all():
            return self
        return RecentColumns(
            complete_since=self.complete_since[chosen],
            histories=self.histories.only(chosen),
            lifetimes=None if self.lifetimes is None else self.lifetimes.only(chosen),
        )

    def _totals_at(self, as_of: int) -> NDArray[np.bool_]:
        """Whose totals at that instant follow from those of now; see RecentHistory."""
        totals, histories = self.lifetimes, self.histories
        if totals is None:
            return np.zeros(len(histories), dtype=np.bool_)
        at, edge = histories.purchased_at, self.complete_since * MICROS_PER_DAY
        until = (at >= edge[histories.customer]) & (at <= as_of)
        listed_until = histories.reduced(np.add, until, empty=0) > 0
        lists_all = np.diff(histories.offsets) == totals.purchases
        follow: NDArray[np.bool_] = (totals.last_at <= as_of) | listed_until | lists_all
        follow &= totals.known & (totals.refunded_until <= as_of)
        return follow

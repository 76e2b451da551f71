"""The totals of many customers as columns, and what they know beyond the rows."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from domain.features.earlier import NEVER, Earlier
from domain.features.histories import Histories
from domain.values import BEGINNING


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LifetimeColumns:
    """The totals of n customers, of whose listed purchases nothing was given back; see `Lifetime`.

    `known` says of whom there are any. Without purchases `first_at` is NEVER and `last_at` BEGINNING.
    Shape: each (n,) int64, `known` bool. Of t counts by category, each (t,) int64: the customer's
    position, an index into the categories of the histories, and the count itself.
    """

    known: NDArray[np.bool_]
    purchases: NDArray[np.int64]
    volume_minor: NDArray[np.int64]
    first_at: NDArray[np.int64]
    last_at: NDArray[np.int64]
    refunded_until: NDArray[np.int64]
    counted_of: NDArray[np.int64]
    counted_category: NDArray[np.int64]
    counted: NDArray[np.int64]

    def hold(self, listed: Histories) -> NDArray[np.bool_]:
        """Whose totals are at least what is listed of them. Shape: (n,) bool."""
        count, volume = self._beyond(listed)
        dated = (self.first_at != NEVER) & (self.last_at != BEGINNING)
        more = (count > 0) & (volume >= 0) & dated
        held: NDArray[np.bool_] = more | ((count == 0) & (volume == 0))
        held &= (self.purchases >= 0) & (self.volume_minor >= 0)  # else a difference may wrap
        return held

    def beyond(self, listed: Histories) -> Histories:
        """What is listed, with what the totals hold beside; of `listed` all must `hold`."""
        count, volume = self._beyond(listed)
        some = count > 0

        earlier = Earlier(
            count,
            volume,
            np.where(some, self.first_at, NEVER),
            np.where(some, self.last_at, BEGINNING),
            partial(self._count_in, listed),
        )
        return replace(listed, earlier=earlier)

    def only(self, chosen: NDArray[np.bool_]) -> "LifetimeColumns":
        """Those of some customers. Shape: (n,) bool."""
        counted = chosen[self.counted_of]
        return LifetimeColumns(
            known=self.known[chosen],
            purchases=self.purchases[chosen],
            volume_minor=self.volume_minor[chosen],
            first_at=self.first_at[chosen],
            last_at=self.last_at[chosen],
            refunded_until=self.refunded_until[chosen],
            counted_of=(np.cumsum(chosen) - 1)[self.counted_of[counted]],
            counted_category=self.counted_category[counted],
            counted=self.counted[counted],
        )

    def _beyond(self, listed: Histories) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        count = self.purchases - np.diff(listed.offsets)
        volume = self.volume_minor - listed.reduced(np.add, listed.amount_minor, empty=0)
        return np.where(self.known, count, 0), np.where(self.known, volume, 0)

    def _count_in(self, listed: Histories, category: str) -> NDArray[np.int64]:
        count = np.zeros(len(listed), dtype=np.int64)
        if category in listed.categories:
            code = listed.categories.index(category)
            of_it = self.counted_category == code
            count[self.counted_of[of_it]] = self.counted[of_it]
            rows = listed.customer[listed.category == code]
            count -= np.bincount(rows, minlength=len(listed))
        return np.where(self.known, count, 0)

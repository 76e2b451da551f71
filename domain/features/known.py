"""Known: histories at an instant, with what several features ask of them computed once."""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.features.base_rates import BaseRates
from domain.features.earlier import NEVER
from domain.features.histories import Histories
from domain.values import BEGINNING, MICROS_PER_DAY, Window

Integers: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.float64]
Chosen: TypeAlias = NDArray[np.bool_]
_LONGER_THAN_EVERY = 2**62
"""The length of `ever`: it begins before every instant."""


class Target(Enum):
    """The category that is asked about, whichever it is."""

    CATEGORY = "target"

    def __str__(self) -> str:
        return self.value


TARGET = Target.CATEGORY
Of: TypeAlias = str | Target | None
"""Of which purchases: of one category, of the target's, or of all."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a feature set, each at its row; the first one is `ever`."""

    lengths_us: Integers
    rows: dict[Window | None, int]

    @classmethod
    def of(cls, windows: frozenset[Window]) -> "Windows":
        """These windows and `ever`."""
        ordered = sorted(windows)
        lengths = [_LONGER_THAN_EVERY, *(window.length_us for window in ordered)]
        rows: dict[Window | None, int] = {None: 0}
        rows.update((window, row) for row, window in enumerate(ordered, start=1))
        return cls(np.array(lengths, dtype=np.int64)[:, None], rows)


@dataclass(slots=True, eq=False)
class Known:
    """The histories of n customers as known at `as_of`, microseconds since the epoch, UTC.

    `target` is the category that is asked about. A number that several features need is computed
    once, and for all `windows` together: few calls make one customer quick. `row` is a window's.
    """

    histories: Histories
    as_of: int
    windows: Windows
    target: str | None = None
    base_rates: BaseRates | None = None
    values: dict[str, Values] = field(default_factory=dict[str, Values])
    """What features computed that do not depend on the target, by their names."""
    _numbers: dict[tuple[str, str | None], Integers] = field(
        default_factory=dict[tuple[str, str | None], Integers]
    )
    _chosen: dict[str | None, Chosen] = field(default_factory=dict[str | None, Chosen])

    def asking(self, target: str) -> "Known":
        """The same about another category; what does not depend on it is not computed again."""
        return replace(self, target=target)

    def __len__(self) -> int:
        """The number of customers."""
        return len(self.histories)

    def category_of(self, category: Of) -> str | None:
        """The category itself, where the target is meant too; None: all of them.

        Raises:
            ValueError: no category is asked about.
        """
        if category is not TARGET:
            return category
        if self.target is None:
            raise ValueError("these features need a target category")
        return self.target

    def count(self, row: int, category: str | None) -> Integers:
        """How many purchases there are. Shape: (n,) int64."""
        found = self._numbers.get(("count", category))
        if found is None:
            chosen = self._rows(category)
            found = self.histories.reduced(np.add, chosen, empty=0)
            if self.histories.earlier is not None:
                earlier = self.histories.earlier
                found[0] += earlier.count if category is None else earlier.count_in(category)
            self._numbers["count", category] = found
        of_window: Integers = found[row]
        return of_window

    def volume(self, row: int, category: str | None) -> Integers:
        """What they amount to, in minor units. Shape: (n,) int64."""
        found = self._numbers.get(("volume", category))
        if found is None:
            amounts = self._rows(category) * self.histories.amount_minor
            found = self.histories.reduced(np.add, amounts, empty=0)
            if self.histories.earlier is not None and category is None:
                found[0] += self.histories.earlier.volume_minor
            self._numbers["volume", category] = found
        of_window: Integers = found[row]
        return of_window

    def active_days(self, row: int, category: str | None) -> Integers:
        """On how many days, counted back from as_of by 24 hours. Shape: (n,) int64."""
        found = self._numbers.get(("days", category))
        if found is None:
            chosen = self._rows(category)
            newest = chosen & self._newest_of_day(chosen[0])
            found = self._numbers["days", category] = self.histories.reduced(
                np.add, newest, empty=0
            )
        of_window: Integers = found[row]
        return of_window

    def distinct_categories(self, row: int, category: str | None) -> Integers:
        """How many categories they are of. Shape: (n,) int64."""
        chosen, width = self._rows(category)[row], max(len(self.histories.categories), 1)
        pairs = np.unique(self.histories.customer[chosen] * width + self.histories.category[chosen])
        return np.bincount(pairs // width, minlength=len(self)).astype(np.int64)

    def largest_amount(self, row: int, category: str | None) -> Integers:
        """The largest, in minor units, or 0. Shape: (n,) int64."""
        amounts = np.where(self._rows(category)[row], self.histories.amount_minor, 0)
        return self.histories.reduced(np.maximum, amounts, empty=0)

    def last(self, row: int, category: str | None) -> Integers:
        """The instant of the last one; BEGINNING without any. Shape: (n,) int64."""
        at = np.where(self._rows(category)[row], self.histories.purchased_at, BEGINNING)
        found = self.histories.reduced(np.maximum, at, empty=BEGINNING)
        earlier = self.histories.earlier
        if row or earlier is None:
            return found
        # A later one than as_of is listed, with all the others since.
        known = np.where(earlier.last_at <= self.as_of, earlier.last_at, BEGINNING)
        return np.maximum(found, known)

    def first(self, row: int, category: str | None) -> Integers:
        """The instant of the first one; NEVER without any. Shape: (n,) int64."""
        at = np.where(self._rows(category)[row], self.histories.purchased_at, NEVER)
        found = self.histories.reduced(np.minimum, at, empty=NEVER)
        earlier = self.histories.earlier
        return found if row or earlier is None else np.minimum(found, earlier.first_at)

    def _newest_of_day(self, chosen: Chosen) -> Chosen:
        """Which of the chosen purchases is each customer's newest of its day. Shape: (m,) bool."""
        rows = np.flatnonzero(chosen)
        age = self.as_of - self.histories.purchased_at[rows]
        customer = self.histories.customer[rows]
        order = np.argsort(age) if len(self) == 1 else np.lexsort((age, customer))
        day, whose = age[order] // MICROS_PER_DAY, customer[order]
        newest = np.ones(len(rows), dtype=np.bool_)
        newest[1:] = (day[1:] != day[:-1]) | (whose[1:] != whose[:-1])
        found = np.zeros(len(chosen), dtype=np.bool_)
        found[rows[order[newest]]] = True
        return found

    def _rows(self, category: str | None) -> Chosen:
        """Which purchases count in which window. Shape: (windows, m) bool."""
        found = self._chosen.get(category)
        if found is None:
            found = self._chosen[category] = self._choose(category)
        return found

    def _choose(self, category: str | None) -> Chosen:
        if category is None:
            at = self.histories.purchased_at
            chosen: Chosen = (at > self.as_of - self.windows.lengths_us) & (at <= self.as_of)
            return chosen
        wanted = [name == category for name in self.histories.categories]
        if not any(wanted):
            return np.zeros_like(self._rows(None))
        of_category: Chosen = self.histories.category == wanted.index(True)
        return self._rows(None) & of_category

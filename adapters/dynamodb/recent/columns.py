"""Many recent items as columns, in one pass over all of them: as audiences read most customers.

They hold what most items hold: purchases of the short form, and totals. Whoever has anything else is
left to `recent_history`. So is what cannot be read: that one says what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.dynamodb.recent.history import kept_since, meaning_of, unless_shorter
from adapters.dynamodb.recent.marks import Marks
from adapters.dynamodb.recent.suppression import SUPPRESSED
from adapters.dynamodb.recent.totals import FIRST, LAST, PURCHASES, REFUNDED, VOLUME
from adapters.dynamodb.schema import category_number
from adapters.dynamodb.schema.element_columns import ElementColumns
from domain.errors import CorruptRecord
from domain.features import NEVER, Histories, LifetimeColumns
from domain.recent.columns import RecentColumns
from domain.retention import Retention
from domain.values import BEGINNING, MICROS_PER_DAY

_NUMBER_BITS = 16
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""An odd number with bits everywhere, so that equal ids of two customers do not seem the same."""


def recent_columns(
    items: Mapping[str, Mapping[str, Any]],
    retention: Retention,
    marks: Marks,
    now: int,
    *,
    totals: bool,
) -> RecentColumns | None:
    """What most of these recent items, empty where there are none, tell at an instant.

    Whoever is missing must be read by `recent_history`; None: everybody is missing. Totals are told
    if asked for and kept.
    """
    gathered = _Gathered(retention, marks, now, totals=totals and marks.totals)
    try:
        for customer_id, item in items.items():
            if SUPPRESSED not in item:
                gathered.add(customer_id, item)
        return gathered.columns()
    except (KeyError, ValueError, OverflowError, CorruptRecord):
        return None


class _Gathered:
    """What many items hold, in lists that become arrays at the end."""

    def __init__(self, retention: Retention, marks: Marks, now: int, *, totals: bool) -> None:
        self._retention, self._marks, self._now = retention, marks, now
        self._everywhere = None if marks.shorter else retention.complete_since(now)
        self._customers: list[str] = []
        self._complete_since: list[int] = []
        self._elements: list[str] = []
        self._ends = [0]
        self._days: list[int] = []
        self._a_day: list[int] = []
        self._categories = _Categories(counts=totals)
        self._totals: list[tuple[int, ...]] | None = [] if totals else None

    def add(self, customer_id: str, item: Mapping[str, Any]) -> None:
        """One more customer. Plain, for this is most of what decoding costs."""
        complete_since = self._everywhere
        if complete_since is None:
            complete_since = unless_shorter(item, self._retention, self._marks, self._now)
        position = len(self._customers)
        for name, value in item.items():
            meaning = meaning_of(name)
            if isinstance(meaning, int):
                elements = value["BS"]
                self._elements += elements
                self._days.append(meaning)
                self._a_day.append(len(elements))
            elif isinstance(meaning, str):
                self._categories.add(position, meaning, value)
            elif meaning is not None:
                complete_since = max(complete_since, kept_since(meaning, value))
        if self._totals is not None:
            self._totals.append(_numbers_in(item))
        self._customers.append(customer_id)
        self._complete_since.append(complete_since)
        self._ends.append(len(self._elements))

    def columns(self) -> RecentColumns:
        """Everybody who holds purchases of the short form alone, each of a category that is named.

        Raises:
            ValueError: an element is no base64.
        """
        found = ElementColumns.of(self._elements)
        offsets = np.array(self._ends, dtype=np.int64)
        owner = np.repeat(np.arange(len(self._customers)), np.diff(offsets))
        category, named, unclear = self._categories.of(owner, found.category_number)
        whole = np.ones(len(self._customers), dtype=np.bool_)
        whole[owner[~(found.readable & named)]] = False
        whole[unclear] = False
        whole[_seem_doubled(found.purchase_id, owner)] = False
        midnight = np.array(self._days, dtype=np.int64) * MICROS_PER_DAY
        histories = Histories(
            customer_ids=self._customers,
            offsets=offsets,
            purchased_at=np.repeat(midnight, self._a_day) + found.time_us,
            amount_minor=found.amount_minor,
            category=category,
            categories=self._categories.names,
        )
        complete_since = np.array(self._complete_since, dtype=np.int64)
        if self._totals is None:
            return RecentColumns(complete_since=complete_since, histories=histories).only(whole)
        lifetimes = self._categories.counted(self._totals)
        whole &= lifetimes.hold(histories)
        lifetimes, histories = lifetimes.only(whole), histories.only(whole)
        return RecentColumns(
            complete_since=complete_since[whole],
            histories=lifetimes.beyond(histories),
            lifetimes=lifetimes,
        )


class _Categories:
    """Which categories the items name, by the numbers that elements have for them."""

    def __init__(self, *, counts: bool) -> None:
        self._codes: dict[str, int] = {}
        self._code: list[int] = []
        self._numbers: list[int] = []
        self._counts: list[int] | None = [] if counts else None

    def add(self, position: int, category: str, value: Mapping[str, str]) -> None:
        """The customer at this position bought in this category, so often in all."""
        self._code.append(self._codes.setdefault(category, len(self._codes)))
        self._numbers.append(position << _NUMBER_BITS | category_number(category))
        if self._counts is not None:
            self._counts.append(int(value["N"]))

    @property
    def names(self) -> list[str]:
        """Every category, at its code."""
        return list(self._codes)

    def of(
        self, owner: NDArray[np.int64], number: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
        """The code of each purchase's category, and whether its owner's item names it.

        Also the positions of those with two categories of one number.
        """
        listed = np.array([*self._numbers, NEVER], dtype=np.int64)
        codes = np.array([*self._code, 0], dtype=np.int64)
        order = np.argsort(listed)
        listed, codes = listed[order], codes[order]
        wanted = owner << _NUMBER_BITS | number
        place = np.searchsorted(listed, wanted)
        unclear = listed[1:][listed[1:] == listed[:-1]] >> _NUMBER_BITS
        return codes[place], listed[place] == wanted, unclear

    def counted(self, numbers: Sequence[tuple[int, ...]]) -> LifetimeColumns:
        """The totals as columns, with the counts by category."""
        totals = np.array(numbers, dtype=np.int64).reshape(-1, 6)
        return LifetimeColumns(
            known=totals[:, 0].astype(np.bool_),
            purchases=totals[:, 1],
            volume_minor=totals[:, 2],
            first_at=totals[:, 3],
            last_at=totals[:, 4],
            refunded_until=totals[:, 5],
            counted_of=np.array(self._numbers, dtype=np.int64) >> _NUMBER_BITS,
            counted_category=np.array(self._code, dtype=np.int64),
            counted=np.array(self._counts, dtype=np.int64),
        )


def _seem_doubled(ids: NDArray[np.uint64], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of whom two purchases may share an id; once in ages somebody whose purchases do not."""
    mixed = ids ^ owner.astype(np.uint64) * _SPREAD
    order = np.argsort(mixed)
    alike = np.flatnonzero(mixed[order[1:]] == mixed[order[:-1]])
    return owner[np.concatenate((order[alike], order[alike + 1]))]


def _numbers_in(item: Mapping[str, Any]) -> tuple[bool, int, int, int, int, int]:
    """The totals of an item but for the counts by category, after whether they are known.

    They are in the order of `Lifetime`. NEVER and BEGINNING are the instants of no purchase. Where
    there is no item, nothing was bought.

    Raises:
        ValueError: one of them is no number.
        KeyError: one of them is missing.
    """
    if PURCHASES not in item:
        return not item, 0, 0, NEVER, BEGINNING, BEGINNING
    return (
        True,
        int(item[PURCHASES]["N"]),
        int(item[VOLUME]["N"]),
        int(item[FIRST]["N"]) if FIRST in item else NEVER,
        int(item[LAST]["N"]) if LAST in item else BEGINNING,
        int(item[REFUNDED]["N"]) if REFUNDED in item else BEGINNING,
    )

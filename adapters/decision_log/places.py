"""Where the files of an hour are, and which of them count.

A process writes decisions/date=2026-01-31/hour=09/<process>-<number>.parquet. Upkeep writes
merged-<number>.parquet beside them. Erasures are marked under erasures/, by the hash of a pseudonym.

Nothing is overwritten. Of merged files the highest counts; it replaces the lower ones and every file
that it names. So each decision counts once, wherever merging or removing was interrupted.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from domain.values import MICROS_PER_DAY, day_of, instant
from domain.values.instant import MICROS_PER_HOUR
from model_registry.ports import ObjectStore

DECISIONS, ERASURES = "decisions/", "erasures/"
MERGED = "merged-"
_LISTED_BY_DAY = 40
_HOUR = re.compile(DECISIONS + r"date=(\d{4}-\d\d-\d\d)/hour=(\d\d)/[^/]+")
_MERGED = re.compile(rf"/{MERGED}(\d+)\.parquet\Z")


class Place(ObjectStore, Protocol):
    """An object store that also forgets.

    Promises: those of an ObjectStore; what was removed is gone; removing what is not there is no error;
    what is finished stays.
    """

    def remove_unfinished(self, before: int, /) -> int:
        """How many remains of writers that were killed before then are gone; microseconds, UTC.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def remove_status(self, key: str, /) -> None:
        """Nothing is stored under `key` from now on.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...


def hour_of(at: int) -> int:
    """The first instant of the hour, in microseconds since the epoch, UTC."""
    return at - at % MICROS_PER_HOUR


def folder_of(hour: int) -> str:
    """The folder of an hour's files."""
    date, _, time = instant.render(hour).partition("T")
    return f"{DECISIONS}date={date}/hour={time[:2]}/"


def hours_in(store: ObjectStore, start: int, end: int) -> Sequence[int]:
    """The hours with files that meet [start, end), ascending."""
    folders = [DECISIONS]
    if end - start < _LISTED_BY_DAY * MICROS_PER_DAY:
        days = range(day_of(start), day_of(max(start, end - 1)) + 1)
        folders = [folder_of(day * MICROS_PER_DAY).partition("hour=")[0] for day in days]
    found = {_hour_of_key(key) for folder in folders for key in store.keys(folder)}
    return sorted(hour for hour in found if hour_of(start) <= hour < end)


def _hour_of_key(key: str) -> int:
    found = _HOUR.fullmatch(key)
    return instant.parse(f"{found[1]}T{found[2]}:00:00Z") if found else -1


def merged_number(key: str) -> int:
    """The number of a merged file; 0: it is none."""
    found = _MERGED.search(key)
    return int(found[1]) if found else 0


def merged_key(hour: int, number: int) -> str:
    """The name of a merged file."""
    return f"{folder_of(hour)}{MERGED}{number:06d}.parquet"

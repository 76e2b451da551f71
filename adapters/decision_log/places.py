"""Where the files of an hour are, which of them count, and how erasures are marked.

A process writes decisions/date=2026-01-31/hour=09/<process>-<number>.parquet. Upkeep writes
merged-<number>.parquet beside them. An erasure is marked by erasures/<hash>/<instant>-begun, and
<instant>-finished. The hash is of a pseudonym.

Nothing is overwritten. Of merged files the highest counts; it replaces the lower ones and every file
that it names. So each decision counts once, wherever merging or removing was interrupted.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.values import MICROS_PER_DAY, day_of, instant
from domain.values.instant import MICROS_PER_HOUR
from model_registry.ports import ObjectStore

DECISIONS, ERASURES = "decisions/", "erasures/"
BEGUN, FINISHED = "begun", "finished"
MERGED = "merged-"
END = 1 << 62
"""After every instant."""
_LISTED_BY_DAY = 40
_HOUR = re.compile(DECISIONS + r"date=(\d{4}-\d\d-\d\d)/hour=(\d\d)/[^/]+")
_MERGED = re.compile(rf"/{MERGED}(\d+)\.parquet\Z")
_MARK = re.compile(ERASURES + rf"([0-9a-f]{{32}})/(\d+)-({BEGUN}|{FINISHED})")


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


@dataclass(frozen=True, slots=True)
class Erased:
    """Customers whose decisions are hidden: until when, by the hash of a pseudonym.

    An erasure that is not complete hides until END. `marks` are the keys of what says so.
    """

    until: Mapping[str, int]
    marks: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, store: ObjectStore) -> "Erased":
        """As it is now.

        Raises:
            StoreUnavailable: not all could be listed.
        """
        begun: dict[str, int] = {}
        finished: dict[str, int] = {}
        marks: dict[str, list[str]] = {}
        for key in store.keys(ERASURES):
            if found := _MARK.fullmatch(key):
                latest = begun if found[3] == BEGUN else finished
                latest[found[1]] = max(int(found[2]), latest.get(found[1], 0))
                marks.setdefault(found[1], []).append(key)
        until = {
            each: END if begun.get(each, 0) > finished.get(each, 0) else finished[each]
            for each in marks
        }
        return cls(until, marks)

    def hides(self, pseudonym: str, as_of: int) -> bool:
        """Whether a decision of this customer at this instant is hidden."""
        return as_of <= self.until.get(hash_of(pseudonym), -1)


def hash_of(pseudonym: str) -> str:
    """What marks name a customer by."""
    return hashlib.blake2b(pseudonym.encode(), digest_size=16).hexdigest()


def mark(pseudonym: str, at: int, what: str) -> str:
    """The key of a mark."""
    return f"{ERASURES}{hash_of(pseudonym)}/{at:017d}-{what}"

"""Upkeep of the log: hours merged, old ones removed, erased customers taken out. No run needs another."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from adapters.decision_log.columns import FileMaker, LogFile, without
from adapters.decision_log.hours import HourFiles, name_of
from adapters.decision_log.places import (
    ERASURES,
    Place,
    folder_of,
    hour_of,
    hours_in,
    merged_key,
    merged_number,
)
from adapters.erasure_marks import BEGUN, END, Erased
from domain.decision_log import Tidied
from domain.errors import StoreUnavailable
from domain.values import MICROS_PER_DAY, Clock
from domain.values.instant import MICROS_PER_HOUR
from model_registry.errors import UnknownObject

CLOSED_AFTER = MICROS_PER_HOUR
"""After an hour's end nothing of it is written any more: no writer holds a decision for so long."""
_ATTEMPTS = 10


class TidyDecisions:
    """Brings a log in order, beside writers, readers and other runs; interrupted anywhere, run it again."""

    def __init__(self, store: Place, *, clock: Clock, retention_days: int) -> None:
        self._store = store
        self._clock = clock
        self._retention_days = retention_days

    def __call__(self, done: Callable[[int], object] = lambda _: None, /) -> Tidied:
        """What was done; `done` is told each hour, by its first instant in microseconds, UTC.

        Raises:
            StoreUnavailable: the store did not answer; some hours may be done.
            CorruptRecord: a file is none of ours; later hours are not done.
        """
        now = self._clock()
        unfinished = self._store.remove_unfinished(now - CLOSED_AFTER)
        erased, told = Erased.read(self._store, ERASURES), Tidied(files_removed=unfinished)
        for hour in hours_in(self._store, 0, END):
            if hour + MICROS_PER_HOUR <= now - self._retention_days * MICROS_PER_DAY:
                told = self._removed(hour, told)
            elif _closed(hour, now):
                told = self._tidied(hour, erased, told)
            done(hour)
        return self._forgotten(erased, now, told)

    def _removed(self, hour: int, told: Tidied) -> Tidied:
        """The hour is gone; what was replaced first, so that it never counts again."""
        keys = sorted(self._store.keys(folder_of(hour)), key=merged_number)
        for key in keys:
            self._store.remove_status(key)
        return replace(
            told, hours_removed=told.hours_removed + 1, files_removed=told.files_removed + len(keys)
        )

    def _tidied(self, hour: int, erased: Erased, told: Tidied) -> Tidied:
        """The hour is one file, without erased customers."""
        for _ in range(_ATTEMPTS):
            try:
                files = HourFiles.read(self._store, hour)
                for key in files.replaced:
                    self._store.remove_status(key)
                told = replace(told, files_removed=told.files_removed + len(files.replaced))
                made = self._made(hour, files, erased)
            except UnknownObject:
                continue  # another run was faster
            if made is None:
                return told
            key, content, gone = made
            # Somebody may have made this file, or a higher one; the next turn sees which counts.
            if self._store.put_if_absent(key, content):
                told = replace(
                    told,
                    hours_merged=told.hours_merged + 1,
                    decisions_erased=told.decisions_erased + gone,
                )
        raise StoreUnavailable(f"{folder_of(hour)} is tidied by others as well; run it again")

    def _made(self, hour: int, files: HourFiles, erased: Erased) -> tuple[str, bytes, int] | None:
        """The file that replaces all of them, and how many customers it lacks; None: there is no need."""
        several = len(files.others) + (files.merged is not None) > 1
        if not several and not any(until >= hour for until in erased.until.values()):
            return None
        maker, sources, erasures, number = FileMaker(), list[tuple[str, int]](), 0, 0
        for file in self._files(files):
            sources += file.sources or [(name_of(file.key), file.rows)]
            number = max(number, merged_number(file.key))
            for table in file.tables():
                gone = _gone(table, erased)
                erasures += sum(gone)
                maker.add(without(table, gone) if any(gone) else table)
        if not several and not erasures:
            return None
        return merged_key(hour, number + 1), maker.content(sources), erasures

    def _files(self, files: HourFiles) -> Iterator[LogFile]:
        if files.merged is not None:
            yield files.merged
        for key in files.others:
            yield LogFile(key, self._store.get(key))

    def _forgotten(self, erased: Erased, now: int, told: Tidied) -> Tidied:
        """Marks go once every hour with decisions that they hide is done."""
        over = [each for each, until in erased.until.items() if until < END and _closed(until, now)]
        for each in over:
            for key in sorted(erased.marks[each], key=lambda key: not key.endswith(BEGUN)):
                self._store.remove_status(key)
        return replace(told, erasures_done=len(over), erasures_left=len(erased.until) - len(over))


def _closed(at: int, now: int) -> bool:
    """Whether nothing of the hour of that instant is written any more."""
    return hour_of(at) + MICROS_PER_HOUR + CLOSED_AFTER <= now


def _gone(table: Any, erased: Erased) -> list[bool]:
    if not erased.until:
        return [False] * len(table)
    return [
        customer is not None and erased.hides(customer, at)
        for customer, at in zip(
            table["customer"].to_pylist(), table["as_of"].cast(pa.int64()).to_pylist(), strict=True
        )
    ]

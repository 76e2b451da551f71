"""Logged decisions, hour by hour, each once."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from adapters.decision_log.columns import LogFile, decisions_in
from adapters.decision_log.hours import HourFiles, name_of
from adapters.decision_log.places import ERASURES, folder_of, hour_of, hours_in
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.erasure_marks import Erased
from domain.decision_log import LoggedDecision, LoggedHour, instant_of
from domain.errors import InvalidRequest, StoreUnavailable
from domain.values import Clock
from model_registry.errors import UnknownObject
from model_registry.ports import ObjectStore

_ATTEMPTS = 10


class ParquetDecisionLog:
    """A `DecisionLog` over the files of an object store."""

    def __init__(self, store: ObjectStore, pseudonyms: Pseudonyms, *, clock: Clock) -> None:
        self._store = store
        self._pseudonyms = pseudonyms
        self.clock = clock

    def between(self, start: int, end: int, /) -> Iterator[Sequence[LoggedDecision]]:
        """Decisions with start <= as_of < end; see the port."""
        for hour in hours_in(self._store, start, end):
            for table, erased in self._tables(hour):
                at = table["as_of"].cast(pa.int64())
                inside = table.filter(pc.and_(pc.greater_equal(at, start), pc.less(at, end)))
                if len(inside):
                    yield self._decisions(inside, erased)

    def find(self, decision_id: str, /) -> LoggedDecision | None:
        """The decision of that id; see the port."""
        as_of = instant_of(decision_id)
        if as_of is None:
            raise InvalidRequest("decision", f"{decision_id!r} is no id of a decision")
        for table, erased in self._tables(hour_of(as_of)):
            found = table.filter(pc.equal(table["decision_id"], decision_id))
            if len(found):
                return self._decisions(found, erased)[0]
        return None

    def hours(self, start: int, end: int, /) -> Iterator[LoggedHour]:
        """How much there is of each hour that meets [start, end), ascending.

        Instants in microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: the log could not be read.
            CorruptRecord: a file is none of ours.
        """
        for hour in hours_in(self._store, start, end):
            files = list(self._files(hour, set()))
            yield LoggedHour(
                hour=hour,
                files=len(files),
                decisions=sum(file.rows for file in files),
                size_bytes=sum(file.size_bytes for file in files),
            )

    def _decisions(self, table: Any, erased: Erased) -> list[LoggedDecision]:
        sealed = table["customer"].to_pylist()
        instants = table["as_of"].cast(pa.int64()).to_pylist()
        customers = [
            None if each is None or erased.hides(each, at) else self._pseudonyms.open(each)
            for each, at in zip(sealed, instants, strict=True)
        ]
        return decisions_in(table, customers)

    def _tables(self, hour: int) -> Iterator[tuple[Any, Erased]]:
        """Every row of the hour once, and who is erased."""
        erased = Erased.read(
            self._store, ERASURES
        )  # before the files: a mark outlives what it hides
        done: set[str] = set()
        for file in self._files(hour, done):
            fresh, row = _fresh(file, done), 0
            for table in file.tables():
                rows = slice(row, row + len(table))
                yield (table.filter(pa.array(fresh[rows])) if fresh else table), erased
                row = rows.stop
            done.update(name for name, _ in file.sources)

    def _files(self, hour: int, done: set[str]) -> Iterator[LogFile]:
        """The files that count and are not done, one at a time, though they are merged meanwhile.

        Each is done once it was given; the caller adds what it was merged from.
        """
        for _ in range(_ATTEMPTS):
            try:
                files = HourFiles.read(self._store, hour)
                if files.merged is not None and name_of(files.merged.key) not in done:
                    yield files.merged
                    done.add(name_of(files.merged.key))
                for key in files.others:
                    if name_of(key) not in done:
                        yield LogFile(key, self._store.get(key))
                        done.add(name_of(key))
            except UnknownObject:
                continue
            return
        raise StoreUnavailable(f"{folder_of(hour)} changes all the time; ask again")


def _fresh(file: LogFile, done: set[str]) -> list[bool]:
    """Which of its rows come from files that are not done; empty: all."""
    if not any(name in done for name, _ in file.sources):
        return []
    return [name not in done for name, rows in file.sources for _ in range(rows)]

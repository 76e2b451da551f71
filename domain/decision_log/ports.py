"""What reading logged decisions needs from outside."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from domain.decision_log.logged import LoggedDecision


class DecisionLog(Protocol):
    """Decisions that were logged, by hours.

    Promises: each decision comes once, however often files were merged; memory for one file at a
    time; a file that is damaged is an error that names it, never left out. A customer who was
    erased has no id and no features any more, from the erasure on.
    """

    def between(self, start: int, end: int, /) -> Iterator[Sequence[LoggedDecision]]:
        """Decisions with start <= as_of < end, file by file, hours ascending.

        Instants in microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: the log could not be read.
            CorruptRecord: a file is none of ours.
            Rejected: a customer is sealed under a key that is not given.
        """
        ...

    def find(self, decision_id: str, /) -> LoggedDecision | None:
        """The decision of that id; None: it is not there, or no more.

        Raises:
            InvalidRequest: the id is none.
            StoreUnavailable: the log could not be read.
            CorruptRecord: a file is none of ours.
            Rejected: a customer is sealed under a key that is not given.
        """
        ...


class DecisionLogObserver(Protocol):
    """Who is told what becomes of decisions that are to be logged.

    Promises: returns at once, never raises, and may be called from any thread.
    """

    def logged(self, route: str, decisions: int, /) -> None:
        """So many answers of a route are in the log."""
        ...

    def dropped(self, decisions: int, /) -> None:
        """So many will not be in the log: memory for them is full, or the store fails too long."""
        ...

    def failed(self) -> None:
        """A file could not be written now."""
        ...

    def waiting(self, decisions: int, /) -> None:
        """So many are in memory."""
        ...

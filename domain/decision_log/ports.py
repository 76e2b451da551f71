"""What reading logged decisions needs from outside."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from domain.decision_log.logged import LoggedDecision


class DecisionLog(Protocol):
    """Decisions that were logged, by hours.

    Promises: each decision comes once, however often files were merged; memory for one file at a
    time; a file that is damaged is an error that names it, never left out. A customer who was
    erased has no id any more, from the erasure on.
    """

    def between(self, start: int, end: int, /) -> Iterator[Sequence[LoggedDecision]]:
        """Decisions with start <= as_of < end, file by file, hours ascending.

        Instants in microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: the log could not be read.
            CorruptRecord: a file is none of ours.
        """
        ...

    def find(self, decision_id: str, /) -> LoggedDecision | None:
        """The decision of that id; None: it is not there, or no more.

        Raises:
            InvalidRequest: the id is none.
            StoreUnavailable: the log could not be read.
            CorruptRecord: a file is none of ours.
        """
        ...

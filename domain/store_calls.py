"""Calls to the store as an observer sees them: how long, with what outcome, at which cost."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class CallOutcome(StrEnum):
    """What became of one call."""

    ANSWERED = "answered"
    CONDITION_FAILED = "condition_failed"
    CONFLICT = "conflict"
    """Another transaction was at the same items."""
    THROTTLED = "throttled"
    REFUSED = "refused"
    """Any other error that the store answered with."""
    SILENT = "silent"
    """No answer, or none in time."""


@dataclass(frozen=True, slots=True)
class StoreCall:
    """One call: its operation by the store's own name, its duration in seconds, and its cost.

    `tables` are those that it names. `unprocessed` are keys or items of a batch that the store left for later.
    """

    operation: str
    seconds: float
    outcome: CallOutcome
    unprocessed: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    tables: tuple[str, ...] = ()


class StoreObserver(Protocol):
    """Who is told of each call to the store.

    Promises: returns at once, never raises, and may be called from any thread.
    """

    def called(self, call: StoreCall, /) -> None:
        """A call has ended."""
        ...

    def retried(self) -> None:
        """What was asked is about to be asked again."""
        ...

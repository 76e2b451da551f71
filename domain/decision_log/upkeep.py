"""What became of a log when it was tidied, and how much it holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What one run did.

    `hours_merged` became one file each, `hours_removed` were older than is kept. In
    `decisions_erased` customer and features were removed. `erasures_left` go on: their last
    decisions may not be written yet, or the erasure is not complete.
    """

    hours_merged: int = 0
    hours_removed: int = 0
    files_removed: int = 0
    decisions_erased: int = 0
    erasures_done: int = 0
    erasures_left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedHour:
    """How much is logged of one hour, UTC; `hour` is its first instant, in microseconds."""

    hour: int
    files: int
    decisions: int
    size_bytes: int

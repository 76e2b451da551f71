"""Messages as an observer sees them: what became of each, and how many wait."""

from enum import StrEnum
from typing import Protocol

from domain.queue import QueueDepth


class Taken(StrEnum):
    """What became of one message that was received."""

    DONE = "done"
    REFUSED = "refused"
    """Done with too, but some of it is a dead letter."""
    LEFT = "left"
    """It comes again: there was trouble that may pass."""


class QueueObserver(Protocol):
    """Who is told of the worker's messages.

    Promises: returns at once, and never raises.
    """

    def taken(self, outcome: Taken, sent_at: int | None, /) -> None:
        """A message was taken. `sent_at` in microseconds since the epoch, UTC; None: nobody knows."""
        ...

    def held(self, queue: QueueDepth | None, dead_letters: QueueDepth | None, /) -> None:
        """What the queues hold now; None where the queue did not say."""
        ...

"""The present, as a port."""

from typing import Protocol


class Clock(Protocol):
    """Tells the time.

    Promises: microseconds since the epoch, UTC; later calls are never much earlier.
    """

    def __call__(self) -> int:
        """The present instant."""
        ...

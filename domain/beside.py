"""Beside: what takes minutes runs beside serving, as a port, and may be stopped."""

from collections.abc import Callable
from threading import Event
from typing import Protocol, TypeVar

T = TypeVar("T")


class Beside(Protocol):
    """Runs a call so that it keeps nobody of this process from anything.

    Promises: the call's result comes back, or its error as it was. What it tells arrives in order,
    and before its result. Stopped or lost, it ends, and is an Interrupted. The call, its results
    and what it tells can be pickled.
    """

    def __call__(
        self,
        call: Callable[[Callable[[object], object]], T],
        /,
        *,
        tell: Callable[[object], object],
        stopped: Event,
    ) -> T:
        """The call's result; the call gets what it may tell progress with.

        Blocks until then: to be called from a thread.

        Raises:
            Interrupted: it was `stopped`, or its process was lost.
        """
        ...

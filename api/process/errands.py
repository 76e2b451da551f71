"""Errands: what takes minutes and is done beside serving, at most so many at a time."""

import logging
from collections.abc import Callable
from threading import BoundedSemaphore, Event, Thread

from api.process.logs import origin
from domain.errors import Busy, PropensityError

_log = logging.getLogger(__name__)


class Errands:
    """So many places, and a thread for each errand that waits for it. Thread-safe."""

    def __init__(self, *, most: int, what: str) -> None:
        self.stopped = Event()
        self._places = BoundedSemaphore(most)
        self._what = what
        self._refusal = (
            f"{most} of {what} at once is as much as one process takes; wait until one is done"
        )
        self._threads: set[Thread] = set()

    def take(self) -> None:
        """A place is taken, for a `begin` or a `leave`.

        Raises:
            Busy: there is none.
        """
        if self.stopped.is_set() or not self._places.acquire(blocking=False):
            raise Busy(self._refusal)

    def leave(self) -> None:
        """The place is free again: there will be no errand."""
        self._places.release()

    def begin(self, errand: Callable[[], object]) -> None:
        """The errand runs in a thread, on the place that was taken."""

        def run() -> None:
            try:
                errand()
            except PropensityError as exc:
                _log.warning("errand_failed", extra={"errand": self._what, "reason": str(exc)})
            except Exception as exc:  # noqa: BLE001  # nobody waits for it who could be told
                error = {"error": type(exc).__qualname__, "exception": origin(exc)}
                _log.error("errand_crashed", extra={"errand": self._what, **error})
            finally:
                self._threads.discard(thread)
                self._places.release()

        thread = Thread(target=run, name="errand", daemon=True)
        self._threads.add(thread)
        thread.start()

    def stop(self) -> None:
        """Whatever runs is told to end; returns once it has."""
        self.stopped.set()
        for thread in list(self._threads):
            thread.join()

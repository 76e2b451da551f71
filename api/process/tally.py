"""Tallies: what happens often is counted, and told once in a while."""

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock, Timer

EVERY_S = 60.0


def _in_a_thread(seconds: float, call: Callable[[], None]) -> None:
    timer = Timer(seconds, call)
    timer.daemon = True
    timer.start()


class Tally:
    """Tells the first at once, then what came since, at most once a minute and to the last.

    Thread-safe. `tell` gets the counts by their names; it may be called from any thread.
    """

    def __init__(
        self,
        tell: Callable[[Mapping[str, int]], object],
        *,
        later: Callable[[float, Callable[[], None]], object] = _in_a_thread,
    ) -> None:
        self._tell = tell
        self._later = later
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._told_lately = False

    def add(self, name: str, count: int = 1) -> None:
        """It happened so often."""
        with self._lock:
            self._counts[name] += count
            if self._told_lately:
                return
            self._told_lately = True
        self._due()

    def _due(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._told_lately = bool(counts)
        if counts:
            self._tell(counts)
            self._later(EVERY_S, self._due)

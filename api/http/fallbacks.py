"""Decisions that fell back to their defaults: counted, and told once in a while."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from domain.prediction import Because, FlagDecision

EVERY_S = 60.0
_log = logging.getLogger(__name__)


class Fallbacks:
    """Counts what could not be decided, by cause, and logs the counts at most once a minute."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told_at = -EVERY_S
        self._untold: Counter[str] = Counter()
        self.total: Counter[str] = Counter()

    def count(self, decisions: Sequence[FlagDecision]) -> None:
        """These were answered."""
        causes = [str(each.cause) for each in decisions if each.reason is Because.ERROR]
        if not causes:
            return
        self.total.update(causes)
        self._untold.update(causes)
        now = self._monotonic()
        if now - self._told_at >= EVERY_S:
            counts = ", ".join(f"{count} by {cause}" for cause, count in self._untold.items())
            _log.warning("decisions fell back to their defaults: %s", counts)
            self._told_at = now
            self._untold.clear()

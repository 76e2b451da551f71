"""Deadlines of port calls, and the pauses with full jitter that they leave room for."""

import random
import time
from collections.abc import Callable, Iterator
from itertools import count

from domain.backoff import Uniform, pause_after

FIRST_PAUSE_S = 0.025
LONGEST_PAUSE_S = 1.0


class Deadline:
    """The instant at which one port call has to be over, however many requests it makes."""

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Uniform = random.uniform,
        on_retry: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._on_retry = on_retry
        self._end = clock() + seconds

    def left(self) -> float:
        """The seconds until the deadline; not above 0 once it has passed."""
        return self._end - self._clock()

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each further attempt; ends where none would be left for it."""
        for refusals in count():
            pause = pause_after(
                refusals, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S, uniform=self._jitter
            )
            if pause >= self.left():
                return
            self._on_retry()
            yield pause

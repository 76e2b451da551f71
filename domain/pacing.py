"""Pacing: how long to pause after a refusal, and how many reads to run at once."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.backoff import pause_after

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

FIRST_PAUSE_S = 0.025
LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Time as retries see it: a clock that only goes forward, pauses, and their jitter."""

    seconds: Callable[[], float] = time.monotonic
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: random.Random = field(default_factory=random.Random)

    def pause_after(self, refusals: int) -> float:
        """A pause with full jitter after so many refusals in a row, in seconds."""
        return pause_after(
            refusals, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S, uniform=self.jitter.uniform
        )


class AdaptiveLimit:
    """How many reads run at once: halved when the store refuses, one more per clean round.

    Source: additive increase, multiplicative decrease; Chiu and Jain (1989).
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._running = 0
        self.refusals = 0
        self._changed = asyncio.Condition()

    @property
    def limit(self) -> int:
        """How many reads may run at once now."""
        return int(self._limit)

    @asynccontextmanager
    async def slot(self) -> "AsyncGenerator[None, None]":
        """A place among the reads that run at once; waits for one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._running < self.limit)
            self._running += 1
        try:
            yield
        finally:
            async with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def refused(self) -> None:
        """The store refused something: run half as many."""
        self.refusals += 1
        self._limit = max(1.0, self._limit / 2)

    def served(self) -> None:
        """The store served a read whole: after a round of these, run one more."""
        self._limit = min(self._most, self._limit + 1 / self._limit)

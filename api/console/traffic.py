"""Requests of this server over the last hour, from what its processes count."""

import logging
import math
from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise
from threading import Event, Thread
from typing import Annotated

from msgspec import Meta, Struct

from domain.values import MICROS_PER_SECOND, Clock

EVERY_S = 15.0
KEPT = 241
"""An hour, and where it began."""
_log = logging.getLogger(__name__)

Counts = tuple[Mapping[float, int], int, int]
"""Answers by the upper bound of their seconds, those that failed, and those shed, all so far."""
_NOTHING: tuple[int, Counts] = (0, ({}, 0, 0))


class Minute(Struct, frozen=True, kw_only=True):
    """What was answered until `at`, microseconds since the epoch, UTC, since the one before it."""

    at: int
    per_second: float
    p50_s: float | None
    p99_s: float | None


class TrafficReport(Struct, frozen=True, kw_only=True):
    """Requests of this server, but for those of the console and of health, over `seconds`."""

    seconds: float
    answered: int
    failed: Annotated[int, Meta(description="With a status from 500 on.")]
    shed: Annotated[int, Meta(description="Refused at once, for want of a place.")]
    p50_s: float | None
    p99_s: float | None
    course: list[Minute]


class TrafficWatch:
    """Looks at the counts every quarter of a minute, in a thread; a failure is logged once in a row."""

    def __init__(self, counted: Callable[[], Counts], clock: Clock) -> None:
        self._counted = counted
        self._clock = clock
        self._seen: deque[tuple[int, Counts]] = deque(maxlen=KEPT)
        self._failing = False
        self._stopped = Event()
        self._thread = Thread(target=self._watch, name="traffic-watch", daemon=True)

    def start(self) -> None:
        """Looks from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Remembers the counts as they are now."""
        if (now := self._now()) is not None:
            self._seen.append(now)

    def report(self) -> TrafficReport:
        """From an hour ago, or since this process looks, up to now."""
        now = self._now()
        seen = [*self._seen, *([] if now is None else [now])]
        (begin, first), (end, last) = (seen[0], seen[-1]) if seen else (_NOTHING, _NOTHING)
        buckets = _less(last[0], first[0])
        return TrafficReport(
            seconds=(end - begin) / MICROS_PER_SECOND,
            answered=sum(buckets.values()),
            failed=max(0, last[1] - first[1]),
            shed=max(0, last[2] - first[2]),
            p50_s=quantile(buckets, 0.5),
            p99_s=quantile(buckets, 0.99),
            course=_course(seen[:: max(1, len(seen) // 60)]),
        )

    def _now(self) -> tuple[int, Counts] | None:
        """The counts now; None: they cannot be read."""
        try:
            counts = self._counted()
        except Exception as exc:  # noqa: BLE001  # such as no descriptor left: the thread must live on
            if not self._failing:
                _log.error("process_not_looked_at", extra={"reason": repr(exc)})
            self._failing = True
            return None
        self._failing = False
        return self._clock(), counts

    def _watch(self) -> None:
        self.look()
        while not self._stopped.wait(EVERY_S):
            self.look()


def quantile(buckets: Mapping[float, int], share: float) -> float | None:
    """Seconds that this share of the answers took at most; None: there are none.

    Straight between the bounds of a bucket; beyond the last bound it is that bound. Source:
    Prometheus, histogram_quantile.
    """
    wanted = share * sum(buckets.values())
    if not wanted:
        return None
    so_far, low = 0, 0.0
    for high, count in sorted(buckets.items()):
        if count and so_far + count >= wanted:
            within = (wanted - so_far) / count
            return low if math.isinf(high) else min(high, low + (high - low) * within)
        so_far, low = so_far + count, high
    return low


def _course(seen: list[tuple[int, Counts]]) -> list[Minute]:
    found: list[Minute] = []
    for (begin, before), (end, after) in pairwise(seen):
        buckets = _less(after[0], before[0])
        seconds = (end - begin) / MICROS_PER_SECOND
        if seconds > 0:
            found.append(
                Minute(
                    at=end,
                    per_second=sum(buckets.values()) / seconds,
                    p50_s=quantile(buckets, 0.5),
                    p99_s=quantile(buckets, 0.99),
                )
            )
    return found


def _less(after: Mapping[float, int], before: Mapping[float, int]) -> dict[float, int]:
    """What came since; a file that ended meanwhile takes nothing away."""
    return {bound: max(0, count - before.get(bound, 0)) for bound, count in after.items()}

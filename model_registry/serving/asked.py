"""Asked: the customers whom a process was asked about, counted by version and day."""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from domain.drift import CountedDay, Reference
from domain.prediction import Prediction, ServedModel
from domain.values import MICROS_PER_DAY, Clock
from model_registry.errors import CorruptRegistry
from model_registry.ports import StatusStore
from model_registry.storage import Count, asked_prefix, canonical, check_name, decoded

KEPT_DAYS = 35
"""Counts of a day are kept for so long: five weeks, so that a day can be compared with its like."""
_LEFT_OVER_DAYS = 7
"""Where no process ran for a day, counts are removed up to so many days too late."""
BATCH = 256
"""Answers counted at once: it takes about half a millisecond."""
MOST_WAITING = 20_000
"""Answers that may wait to be counted; further ones are not counted."""
MOST_VERSIONS = 16
"""Versions counted at once; the counts of the oldest stay as they were published last."""

Observe = Callable[[ServedModel, Reference, NDArray[np.float64], NDArray[np.uint8]], object]
"""Is given the model, its reference, and values and bins of its answers. Shape: (n, inputs) each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    counts: tuple[tuple[Count, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDays:
    """What each process counted on each day of UTC, in the registry's store. It names no customer.

    A day is a number of days since 1970-01-01. Every method may raise StoreUnavailable.
    """

    store: StatusStore

    def put(
        self, name: str, version: int, day: int, *, process: str, tally: NDArray[np.int64]
    ) -> None:
        """This is what the process counted on that day until now."""
        key = f"{_prefix(name, day)}{version}/{process}.json"
        self.store.put_status(key, canonical({"counts": tally.tolist()}))

    def of(
        self, name: str, version: int, day: int, *, like: Reference
    ) -> Sequence[NDArray[np.int64]]:
        """What each process counted of a version on that day, in the bins of its reference.

        Shape: (inputs, 1 + bins) int64 each.

        Raises:
            CorruptRegistry: counts are damaged; names where they lie.
            InvalidRequest: the name is none.
        """
        check_name(name)
        prefix = f"{_prefix(name, day)}{version}/"
        return [_tally(status.key, status.content, like) for status in self.store.statuses(prefix)]

    def forget(self, name: str, *, today: int) -> None:
        """Days that are over for longer than they are kept are gone."""
        oldest = today - KEPT_DAYS
        for day in range(oldest - _LEFT_OVER_DAYS, oldest):
            for status in self.store.statuses(_prefix(name, day)):
                self.store.remove_status(status.key)


def day_of(at: int) -> int:
    """The day of an instant in microseconds since the epoch: days since 1970-01-01, UTC."""
    return at // MICROS_PER_DAY


def rendered(day: int) -> str:
    """The day as 2026-11-29."""
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def parsed(day: str) -> int:
    """The day that is rendered so.

    Raises:
        ValueError: it is none.
    """
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


class AskedCustomers:
    """Counts each customer once a day for each version that answered, aside from the answers.

    `answered` may be called from one thread, all else from another. `observe` is told of every answer
    of a version with a reference, in batches.
    """

    def __init__(self, clock: Clock, *, process: str, observe: Observe | None = None) -> None:
        self._clock = clock
        self._process = process
        self._observe = observe
        self._waiting: deque[Prediction] = deque()
        self._days: dict[tuple[int, str, int], CountedDay] = {}
        self._published: dict[tuple[int, str, int], int] = {}

    def answered(self, prediction: Prediction) -> None:
        """It will be counted; where too many wait already, it will not."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(prediction)

    def count(self) -> bool:
        """Counts some of those that wait; whether more are left."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        groups: dict[tuple[int, int], list[Prediction]] = defaultdict(list)
        for prediction in batch:
            groups[id(prediction.model), day_of(prediction.as_of)].append(prediction)
        for (_, day), predictions in groups.items():
            reference = predictions[0].model.reference
            if reference is not None:
                self._count(predictions, day, reference)
        return bool(self._waiting)

    def publish(self, days: AskedDays) -> None:
        """What was counted is stored, if it has changed; days that are over are counted no more.

        Raises:
            StoreUnavailable: not all could be stored; they will be the next time.
        """
        today = day_of(self._clock())
        for key, counted in list(self._days.items()):
            day, name, version = key
            if self._published.get(key) != len(counted):
                days.put(name, version, day, process=self._process, tally=counted.tally)
                self._published[key] = len(counted)
            if day < today:
                del self._days[key], self._published[key]

    def _count(self, predictions: Sequence[Prediction], day: int, reference: Reference) -> None:
        model = predictions[0].model
        values = np.array([[*each.features.values(), each.probability] for each in predictions])
        codes = reference.codes(values)
        if self._observe is not None:
            self._observe(model, reference, values, codes)
        key = day, model.name, model.version
        if day == day_of(self._clock()) or key in self._days:  # else somebody asked about the past
            lots = np.array([hash(each.customer_id) for each in predictions], dtype=np.int64)
            self._day(key, reference).add(lots.view(np.uint64), codes)

    def _day(self, key: tuple[int, str, int], reference: Reference) -> CountedDay:
        if key not in self._days and len(self._days) >= MOST_VERSIONS:
            oldest = next(iter(self._days))
            del self._days[oldest]
            self._published.pop(oldest, None)
        return self._days.setdefault(key, CountedDay(len(reference.inputs)))


def _prefix(name: str, day: int) -> str:
    return f"{asked_prefix(name)}{rendered(day)}/"


def _tally(key: str, content: bytes, like: Reference) -> NDArray[np.int64]:
    counts = decoded(key, content, _Stored).counts
    try:
        return like.with_tally(np.array(counts, dtype=np.int64)).tally
    except (ValueError, OverflowError) as exc:
        raise CorruptRegistry(key, f"counts are not of this version's bins ({exc})") from exc

"""Counts straight into the cells of prometheus_client's files.

What the library does around each cell costs ten times the cell, and a prediction counts in ten
of them. Where it counts otherwise, as in one process without files, its own methods are used.
"""

from bisect import bisect_left
from collections.abc import Callable
from threading import Lock
from typing import Any, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_lock = Lock()
"""Of all cells: whoever counts from a thread of the store's meets the event loop there."""


class _Cell(NamedTuple):
    """One number of a file that is mapped into memory, eight bytes at a time."""

    numbers: "memoryview[float]"
    at: int


def counting(counter: Counter) -> Callable[[float], None]:
    """As `inc` of a counter with its labels. Thread-safe."""
    cell = _cell(counter, "_value")
    if cell is None:
        return counter.inc
    numbers, at = cell

    def count(amount: float, /) -> None:
        with _lock:
            numbers[at] += amount

    return count


def measuring(histogram: Histogram) -> Callable[[float], None]:
    """As `observe` of a histogram with its labels. Thread-safe."""
    total, buckets = _cell(histogram, "_sum"), _cells(histogram, "_buckets")
    bounds: list[float] = getattr(histogram, "_upper_bounds", [])
    if total is None or buckets is None or len(bounds) != len(buckets):
        return histogram.observe
    sums, sum_at = total

    def measure(value: float, /) -> None:
        numbers, at = buckets[bisect_left(bounds, value)]
        with _lock:
            sums[sum_at] += value
            numbers[at] += 1.0

    return measure


def live_gauge(
    registry: CollectorRegistry,
    name: str,
    said: str,
    *labels: str,
    mode: Literal["livesum", "livemin", "livemax"] = "livesum",
) -> Gauge:
    """A gauge over all processes that run; what those that ended had set is gone."""
    return Gauge(name, said, labels, registry=registry, multiprocess_mode=mode)


def _cell(metric: object, name: str) -> _Cell | None:
    return _of(getattr(metric, name, None))


def _cells(metric: object, name: str) -> list[_Cell] | None:
    found = [_of(each) for each in getattr(metric, name, ())]
    return [cell for cell in found if cell is not None] if all(found) else None


def _of(value: Any) -> _Cell | None:
    """The cell of a value in a file; None where the library keeps it elsewhere."""
    try:
        file = value._file  # noqa: SLF001  # it has no public way to its files
        position = file._positions[value._key]  # noqa: SLF001
        return _Cell(memoryview(file._m).cast("d"), position // 8)  # noqa: SLF001
    except AttributeError:
        return None

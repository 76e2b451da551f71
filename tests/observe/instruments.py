"""The metrics of the code: their names as Prometheus has them, and the labels of each."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from prometheus_client import CollectorRegistry

import adapters.metrics
from adapters.clock import SystemClock

_PARTS = re.compile(r"_(bucket|count|sum)$")


def instruments() -> dict[str, frozenset[str]]:
    """Labels by name, over every class of the room that registers metrics."""
    registry = CollectorRegistry()
    given: dict[str, Any] = {"registry": registry, "folders": {}, "clock": SystemClock()}
    for kind in _classes():
        kind(**{name: given[name] for name in inspect.signature(kind).parameters})
    found: dict[str, frozenset[str]] = {}
    for collector in set(getattr(registry, "_collector_to_names")):  # noqa: B009  # it has no public list
        (family,) = collector.describe()
        labels = frozenset(getattr(collector, "_labelnames"))  # noqa: B009
        total = "_total" if family.type == "counter" else ""
        found[f"{family.name}{total}"] = labels | ({"le"} if family.type == "histogram" else set())
    return found


def _classes() -> Iterator[type]:
    for module in iter_modules(adapters.metrics.__path__, "adapters.metrics."):
        for kind in vars(import_module(module.name)).values():
            ours = inspect.isclass(kind) and kind.__module__ == module.name
            if ours and "registry" in inspect.signature(kind).parameters:
                yield kind


def family(name: str) -> str:
    """The metric that a series belongs to."""
    return _PARTS.sub("", name)

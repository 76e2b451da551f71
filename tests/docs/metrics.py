"""The table of metrics, from the instruments themselves."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from prometheus_client import CollectorRegistry

from api.composition.metrics import Metrics

HEADINGS = {
    "requests": "Requests",
    "store": "The store",
    "predictions": "Predictions",
    "models": "Models",
    "purchases": "Purchases",
    "queue": "The queue, told by the worker",
    "progress": "Long commands",
    "process": "Processes",
}
"""Each instrument of a process with its heading, in the page's order."""


class Listing(CollectorRegistry):
    """A registry that keeps what is registered, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics: list[Any] = []

    def register(self, collector: Any) -> None:
        """Keeps it."""
        self.metrics.append(collector)


def instruments() -> list[str]:
    """The names of all instruments that a process may have."""
    return [name for name, each in vars(Metrics).items() if isinstance(each, cached_property)]


def metrics_of(instrument: str) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, labels and meaning of each metric of an instrument."""
    metrics, listing = Metrics({}), Listing()
    metrics.registry = listing
    getattr(metrics, instrument)
    for each in listing.metrics:
        (family,) = each.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(each._labelnames)  # noqa: SLF001  # it has no public way to them
        yield name, family.type, labels, family.documentation


def metrics_table() -> str:
    """All metrics, under their headings."""
    parts: list[str] = []
    for instrument, heading in HEADINGS.items():
        rows = (
            f"| `{name}` | {kind} | {labels} | {said} |"
            for name, kind, labels, said in metrics_of(instrument)
        )
        head = ("| metric | type | labels | says |", "|---|---|---|---|")
        parts.append("\n".join((f"### {heading}", "", *head, *rows)))
    return "\n\n".join(parts)

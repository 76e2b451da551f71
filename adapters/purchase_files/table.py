"""Tables: what every kind of file is to the rest, rows of cells under names."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from domain.purchases import RawRow


class Table(Protocol):
    """The rows of one file, each with its cells by the name of their column.

    Promises: those of PurchaseSource. Cells are what the file has: text, numbers, dates.
    """

    @property
    def total(self) -> int:
        """What progress counts up to."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns met so far, as the file has them."""
        ...

    def rows(self) -> Iterator[RawRow]:
        """Every row; one that cannot be read has a problem instead of cells."""
        ...


def plain_name(name: str) -> str:
    """A column's name as it is compared: without regard to case, spaces and dashes."""
    return _kept(name) if len(name) <= _MOST_KEPT else _plain(name)


def _plain(name: str) -> str:
    return "_".join(name.replace("-", " ").replace("_", " ").casefold().split())


_MOST_KEPT = 200
_kept = lru_cache(maxsize=1_000)(_plain)
"""Asked for each cell. A file may invent names without end, and each as long as a row."""


def named(header: list[str]) -> list[str]:
    """The names of a header; a column without one is named by its position."""
    return [
        name if name.strip() else f"column {place} (unnamed)"
        for place, name in enumerate(header, start=1)
    ]

"""A picture: what is drawn at a width, the same figures as a table, and one sentence on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from api.pictures.style import Specification


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of a picture in plain text, to stand beside it. Columns after the first are numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of any width.

    `alt` says in one sentence what is to be seen, with figures; it stands for the picture where
    that cannot be seen. Texts may hold anything: the drawing makes them harmless.
    """

    alt: str
    table: Table
    specification: Callable[[int], Specification] = field(repr=False)
    """The Vega-Lite specification at a width in pixels; type keeps its size at every width."""


def per_cent(share: float, digits: int = 0) -> str:
    """A share as people write it: 46 %."""
    return f"{share * 100:.{digits}f}\N{NO-BREAK SPACE}%"


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign: +1.80, -0.12."""
    return f"{value:+,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def between(low: float | None, high: float | None, form: Callable[[float], str]) -> str:
    """The ends of an interval in words; one that is None is open."""
    ends = ["open" if each is None else form(each) for each in (low, high)]
    return " to ".join(ends)


def listed(names: list[str]) -> str:
    """Names in a sentence: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

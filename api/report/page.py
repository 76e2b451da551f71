"""The page: cards with a question each, a picture, and the same figures as a table."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from api.pictures import DARK, LIGHT, Draws, Picture, Table, page_svg
from api.pictures.style import custom_properties

NARROW, HALF, WIDE = 330, 500, 1040
"""Pixels within a card on a phone, and of half and all of the page's width."""


@dataclass(frozen=True, slots=True)
class Number:
    """A figure with its noun."""

    value: str
    noun: str


@dataclass(frozen=True, slots=True)
class Card:
    """One question: how to read what follows, then a picture with its table, or a table alone."""

    heading: str
    reading: str
    picture: Picture | None = None
    table: Table | None = None
    wide: bool = False
    prose: bool = False
    """Its table holds words, not numbers."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What cannot be shown and why, and the commands that bring it."""

    reason: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What stands on the page, from top to bottom."""

    title: str
    lead: str
    numbers: tuple[Number, ...]
    cards: tuple[Card, ...]
    missing: tuple[Missing, ...]


def rendered(report: Report, draws: Draws) -> str:
    """The page, whole: styles, font and drawings are in it.

    Raises:
        Unavailable: the pictures cannot be drawn now.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  # an extra
    from markupsafe import Markup  # noqa: PLC0415

    def drawn(picture: Picture, width: int) -> Markup:
        return Markup(page_svg(draws, picture, width))  # noqa: S704  # harmless: see Draws

    environment = Environment(
        loader=PackageLoader("api.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    context: Mapping[str, Any] = {
        "report": report,
        "drawn": drawn,
        "narrow": NARROW,
        "half": HALF,
        "wide": WIDE,
        "light": Markup(custom_properties(LIGHT)),  # noqa: S704  # ours
        "dark": Markup(custom_properties(DARK)),  # noqa: S704  # ours
        "font": _font(),
    }
    return environment.get_template("report.html").render(context)


def _font() -> str:
    """Inter, of Latin letters, in base 64."""
    content = (files("api") / "console" / "static" / "inter-latin.woff2").read_bytes()
    return base64.b64encode(content).decode()

"""The one visual language of every picture: colours by role, type, spacing.

A specification names a colour by its role (`DATA_1`). A page defines the roles as custom properties
of CSS, so that one drawing follows the page from light to dark. A PNG gets the colours of a theme.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

Specification = Mapping[str, Any]
"""A Vega-Lite specification, version 6, in plain JSON."""
Colors = Mapping[str, str]
"""What stands in a drawing for each role."""

INK: Final = "var(--ink)"
SECONDARY: Final = "var(--secondary)"
LINE: Final = "var(--line)"
SURFACE: Final = "var(--surface)"
DATA_1: Final = "var(--data-1)"
DATA_1_SOFT: Final = "var(--data-1-soft)"
DATA_2: Final = "var(--data-2)"
DATA_2_SOFT: Final = "var(--data-2-soft)"

LIGHT: Colors = {
    INK: "#1b1d22",
    SECONDARY: "#6b7078",
    LINE: "#e6e6e2",
    SURFACE: "#ffffff",
    DATA_1: "#1f5fd6",
    DATA_1_SOFT: "#dbe7fc",
    DATA_2: "#d9730d",
    DATA_2_SOFT: "#fbe3cb",
}
DARK: Colors = {
    INK: "#eceef1",
    SECONDARY: "#9aa1ab",
    LINE: "#2b2f37",
    SURFACE: "#1c1f25",
    DATA_1: "#7aa7ff",
    DATA_1_SOFT: "#263a63",
    DATA_2: "#f0a35a",
    DATA_2_SOFT: "#4d3317",
}
PAGE: Colors = {role: f"{role[:-1]}, {color})" for role, color in LIGHT.items()}
"""The page's own colours; where it defines none, or the file stands alone, those of light."""

SMALL: Final = 11
"""Pixels of the type on axes."""
NOTE: Final = 12
"""Pixels of the type in legends, names and notes."""
_NARROW, _BROAD = frozenset("iljtfrI.,:;|!'()[]{} "), frozenset("mwMW@%")


def color_of(place: int) -> str:
    """The colour of the first, the second and any further series."""
    return (DATA_1, DATA_2)[place] if place < 2 else SECONDARY  # noqa: PLR2004  # two data colours


def custom_properties(colors: Colors) -> str:
    """The roles as declarations of CSS, for a page's `:root`."""
    return ";".join(f"{role[4:-1]}:{color}" for role, color in colors.items())


def text_width(text: str, size: float = SMALL) -> float:
    """About how many pixels a text takes in Inter, rather more than fewer."""
    return size * sum(map(_ems, text))


def shortened(text: str, room: float, size: float = SMALL) -> str:
    """As much of a text as fits into so many pixels, then an ellipsis.

    Vega would cut a character in two that needs two units of UTF-16.
    """
    if text_width(text, size) <= room:
        return text
    room -= text_width("…", size)
    kept = 0
    for letter in text:
        room -= size * _ems(letter)
        if room < 0:
            break
        kept += 1
    return f"{text[:kept].rstrip()}…"


def _ems(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.1
    if letter in _NARROW:
        return 0.36
    if letter in _BROAD:
        return 0.95
    return 0.72 if letter.isupper() else 0.6


CONFIG: Specification = {
    "font": "Inter",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": LINE,
        "gridWidth": 1,
        "labelColor": SECONDARY,
        "labelFontSize": SMALL,
        "labelPadding": 8,
    },
    "text": {"color": INK, "fontSize": NOTE, "baseline": "middle"},
}

"""Drawing: from a picture to SVG for pages and PNG for mail."""

from collections.abc import Mapping
from typing import Any, Protocol

from api.pictures.picture import Picture
from api.pictures.style import DARK, LIGHT, PAGE, SURFACE, Colors, Specification, custom_properties

MARGIN = 16
"""Pixels around a picture that stands on a ground of its own."""


class Draws(Protocol):
    """Draws specifications of Vega-Lite.

    Promises:
    - An SVG is one well-formed element, to be put into a page as it is. It holds shapes and text
      and nothing else: no script, no style, no reference, no identifier.
    - `alt` is the SVG's accessible name.
    - Whatever texts a specification or `alt` holds is shown as text. Characters that no document
      may hold are replaced.
    - Each colour that `colors` names is replaced by what stands there.
    - The same specification, `alt` and colours give the same bytes.
    - A PNG has two pixels for each pixel of the specification, on `background`.
    - A specification that refers to data or pictures elsewhere raises ValueError; so does one that
      is no specification. Nothing is ever asked of another host.
    - It may be called from several threads. It blocks until the drawing is there, for a third of a
      second at first: an event loop calls it in a thread.
    - What cannot be drawn now raises Unavailable.
    """

    def svg(self, specification: Mapping[str, Any], /, *, alt: str, colors: Colors) -> str:
        """The drawing as one element `svg`."""
        ...

    def png(
        self, specification: Mapping[str, Any], /, *, alt: str, colors: Colors, background: str
    ) -> bytes:
        """The drawing as a PNG."""
        ...


def page_svg(draws: Draws, picture: Picture, width: int) -> str:
    """The picture for a page, in the page's own colours: it follows the page from light to dark."""
    return draws.svg(picture.specification(width), alt=picture.alt, colors=PAGE)


def file_svg(draws: Draws, picture: Picture, width: int) -> str:
    """The picture as a file of its own: on a ground, light or dark as whoever looks prefers."""
    specification = _with_margin(picture.specification(width))
    inner = draws.svg(specification, alt=picture.alt, colors=PAGE)
    sides = specification["padding"]
    size = (
        f'width="{specification["width"] + sides["left"] + sides["right"]}" '
        f'height="{specification["height"] + sides["top"] + sides["bottom"]}"'
    )
    style = (
        f":root{{{custom_properties(LIGHT)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{custom_properties(DARK)}}}}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>'
        f'<rect {size} rx="10" fill="{PAGE[SURFACE]}"/>{inner}</svg>\n'
    )


def themed_png(draws: Draws, picture: Picture, width: int, theme: Colors) -> bytes:
    """The picture for mail, in the colours of a theme, with a margin."""
    specification = _with_margin(picture.specification(width))
    return draws.png(specification, alt=picture.alt, colors=theme, background=theme[SURFACE])


def _with_margin(specification: Specification) -> Specification:
    sides = {side: pixels + MARGIN for side, pixels in specification["padding"].items()}
    return {**specification, "padding": sides}

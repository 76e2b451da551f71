"""Pictures within pages: drawn twice, for wide pages and for narrow ones, with a table beside."""

import logging
from contextlib import suppress
from dataclasses import dataclass

from markupsafe import Markup

from api.pictures import Draws, Picture, page_svg
from domain.errors import Unavailable

WIDE, HALF, NARROW = 1060, 480, 316
"""Pixels of a picture across a card, in half of one, and on a telephone."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture for the macro `picture`. Without drawings its table stands alone."""

    wide: Markup | None
    narrow: Markup | None
    alt: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def warm(draws: Draws) -> None:
    """Draw nothing, as the first drawing takes long: the next one is a person's. It blocks."""
    with suppress(Unavailable):
        draws.svg({"mark": "point", "data": {"values": []}}, alt="", colors={})


def drawn(draws: Draws, picture: Picture, *, wide: int = HALF, narrow: int = NARROW) -> Drawn:
    """The picture at both widths in pixels. It blocks: an event loop calls it in a thread.

    What cannot be drawn now is told in the log, and the page shows the table.
    """
    svgs: list[Markup | None] = [None, None]
    if picture.table.rows:
        try:
            svgs = [Markup(page_svg(draws, picture, width)) for width in (wide, narrow)]  # noqa: S704  # shapes and text alone, as the port promises
        except Unavailable as exc:
            _log.warning("errand_failed", extra={"errand": "drawing a picture", "reason": str(exc)})
    return Drawn(
        wide=svgs[0],
        narrow=svgs[1],
        alt=picture.alt,
        header=picture.table.header,
        rows=picture.table.rows,
    )

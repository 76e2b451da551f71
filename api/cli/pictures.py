"""Pictures as files of commands: SVG or PNG, by the name's ending."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.output import say
from api.composition import open_pictures
from domain.errors import Rejected

if TYPE_CHECKING:
    from api.pictures import Picture

WIDTH = 560
"""Pixels; a PNG has twice as many."""

PictureFile = Annotated[
    Path | None,
    typer.Option(
        help="A file for the result as a picture: .svg, or .png for mail.", show_default="none"
    ),
]


def check_picture(path: Path | None) -> None:
    """Returns when a picture could be drawn for this file, before the long work begins.

    Raises:
        Rejected: the name ends otherwise, or the extra `console` is not installed.
    """
    if path is None:
        return
    if path.suffix not in {".svg", ".png"}:
        raise Rejected("--picture", "must end in .svg or .png")
    open_pictures()


def write_picture(picture: "Picture", path: Path) -> None:
    """Draw the picture into the file.

    Raises:
        Rejected: the file cannot be written.
        Unavailable: it cannot be drawn now.
    """
    from api.pictures import LIGHT, file_svg, themed_png

    draws = open_pictures()
    try:
        content = (
            file_svg(draws, picture, WIDTH).encode()
            if path.suffix == ".svg"
            else themed_png(draws, picture, WIDTH, LIGHT)
        )
    finally:
        draws.close()
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise Rejected("--picture", f"cannot be written: {exc.strerror}") from exc
    say(f"wrote {path}")

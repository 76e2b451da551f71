"""What runs in the converter's own process: a specification becomes a harmless SVG, or a PNG.

The converter holds Python's lock while it works, so a thread beside it would stand still.
"""

import functools
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

_FONTS = Path(__file__).parent / "fonts"
_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = {"svg", "g", "path", "rect", "line", "text", "tspan"}
_ATTRIBUTES = {
    *("d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "rx", "ry", "width", "height"),
    *("transform", "viewBox", "opacity", "fill", "fill-opacity", "text-anchor"),
    *("stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin"),
    *("stroke-opacity", "stroke-miterlimit", "font-size", "font-weight"),
}
_FRACTION = re.compile(r"\d+\.\d{3,}")
_SCALE = 2.0


def serve(pipe: Connection) -> None:
    """Draw what comes until the other end is closed: by whoever asks, or because they ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    _converter()
    with suppress(EOFError, OSError):
        while True:
            kind, *asked = pipe.recv()
            pipe.send(_answer(kind, asked))


def _answer(kind: str, asked: list[Any]) -> tuple[bool, str | bytes]:
    """Whether it was drawn, and the drawing or the reason."""
    try:
        return True, (svg if kind == "svg" else png)(*asked)
    except ValueError as exc:
        return False, str(exc)


@functools.cache
def _converter() -> Any:
    import vl_convert  # noqa: PLC0415  # an extra, and 85 MB of library

    vl_convert.register_font_directory(str(_FONTS))
    return vl_convert


def svg(specification: str, alt: str, colors: Mapping[str, str]) -> str:
    """Draw a specification, given as JSON.

    Raises:
        ValueError: it is no specification.
    """
    drawn = _converter().vegalite_to_svg(specification, vl_version="6.4", allowed_base_urls=[])
    root = ET.fromstring(drawn)  # noqa: S314  # made here, of texts that were escaped
    whole = _harmless(root, colors)
    if whole is None:
        raise ValueError("the converter drew nothing")
    whole.attrib |= {
        "xmlns": "http://www.w3.org/2000/svg",
        "role": "img",
        "aria-label": alt,
        "class": "picture",
        "font-family": "Inter, system-ui, sans-serif",
    }
    return ET.tostring(whole, encoding="unicode")


def png(specification: str, alt: str, colors: Mapping[str, str], background: str) -> bytes:
    """Draw a specification, given as JSON, on a ground of one colour."""
    whole = ET.fromstring(svg(specification, alt, colors))  # noqa: S314  # ours
    ground = {"width": whole.attrib["width"], "height": whole.attrib["height"], "fill": background}
    whole.insert(0, ET.Element("rect", ground))
    for each in whole.iter():
        each.tag = each.tag.removeprefix(_SVG)
    whole.attrib["xmlns"] = "http://www.w3.org/2000/svg"
    drawn = ET.tostring(whole, encoding="unicode")
    return bytes(_converter().svg_to_png(drawn, scale=_SCALE))


def _harmless(element: ET.Element, colors: Mapping[str, str]) -> ET.Element | None:
    """The element with shapes and text alone; None where it shows nothing."""
    tag = element.tag.removeprefix(_SVG)
    if tag not in _SHAPES or element.get("display") == "none":
        return None
    kept = ET.Element(tag)
    for name, value in element.attrib.items():
        if name in _ATTRIBUTES and value:
            kept.set(name, colors.get(value) or _FRACTION.sub(_rounded, value))
    if tag == "text":
        kept.text = element.text
    kept.extend(
        each for each in (_harmless(child, colors) for child in element) if each is not None
    )
    if tag == "g" and not len(kept):
        return None
    if tag == "path" and "fill" not in kept.attrib and "stroke" not in kept.attrib:
        return None  # a group's ground without colour
    return kept


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")

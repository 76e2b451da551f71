"""The Draws contract: shapes and text alone, whatever the texts; the same asked, the same drawn."""

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.pictures import VegaDrawings
from api.pictures import DARK, LIGHT, Draws, contributions, page_svg, themed_png
from api.pictures.drawing import MARGIN
from api.pictures.style import DATA_1, PAGE, SURFACE
from tests.pictures import NONE, SOME, hostile_texts

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {SVG + tag for tag in ("svg", "g", "path", "rect", "line", "text", "tspan")}
NOTHING = {"mark": "point", "data": {"values": []}}
WIDTHS = (330, 560, 1100)


@pytest.fixture(scope="module")
def draws() -> Iterator[Draws]:
    drawings = VegaDrawings()
    yield drawings
    drawings.close()


def harmless(svg: str) -> ET.Element:
    """The element, which holds shapes and text and refers to nothing."""
    root = ET.fromstring(svg)  # noqa: S314  # what is proven harmless here
    for each in root.iter():
        assert each.tag in SHAPES
        for name, value in each.attrib.items():
            assert not name.lower().startswith("on")
            assert name not in {"style", "id", "href", "src"}
            assert "}" not in name
            if name != "aria-label":
                assert "url(" not in value
                assert "script" not in value
    return root


@pytest.mark.parametrize("kind", SOME)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_kind_is_drawn_at_every_width(draws: Draws, kind: str, width: int) -> None:
    root = harmless(page_svg(draws, SOME[kind]("version 8"), width))
    assert root.attrib["width"] == str(width)
    assert len(list(root.iter())) > 3


@pytest.mark.parametrize("kind", NONE)
def test_without_data_a_picture_says_so(draws: Draws, kind: str) -> None:
    picture = NONE[kind]
    root = harmless(page_svg(draws, picture, 330))
    assert "".join(root.itertext()).strip()
    assert picture.alt
    assert not picture.table.rows


def test_a_hostile_text_stays_a_text(draws: Draws) -> None:
    texts = hostile_texts()
    assert len(set(texts)) == 200
    picture = contributions([(text, 1.0) for text in texts])
    shown = {each.text for each in harmless(page_svg(draws, picture, 1100)).iter(SVG + "text")}
    assert "<script>alert(1)</script>" in shown
    for text in texts[::10]:
        harmless(draws.svg(NOTHING, alt=text, colors={}))


@pytest.mark.full
@pytest.mark.parametrize("kind", SOME)
def test_every_hostile_text_stays_a_text_in_every_kind(draws: Draws, kind: str) -> None:
    for text in hostile_texts():
        harmless(page_svg(draws, SOME[kind](text), 330))


@settings(deadline=None, max_examples=20)
@given(text=st.text(st.characters(), max_size=30))
def test_any_text_is_shown_or_replaced(draws: Draws, text: str) -> None:
    root = harmless(page_svg(draws, SOME["contributions"](text), 560))
    assert root.attrib["aria-label"]


def test_colours_are_those_asked_for(draws: Draws) -> None:
    picture = SOME["gain"]("version 8")
    svg = draws.svg(picture.specification(560), alt=picture.alt, colors=DARK)
    assert DARK[DATA_1] in svg
    assert "var(" not in svg
    assert PAGE[DATA_1] in page_svg(draws, picture, 560)


def test_the_name_of_a_drawing_is_its_sentence(draws: Draws) -> None:
    picture = SOME["gauge"]("")
    root = harmless(page_svg(draws, picture, 330))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == picture.alt


def test_a_png_has_twice_the_pixels(draws: Draws) -> None:
    png = themed_png(draws, SOME["reliability"]("version 8"), 560, LIGHT)
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">I", png[16:20])[0] == 2 * (560 + 2 * MARGIN)
    assert png != themed_png(draws, SOME["reliability"]("version 8"), 560, DARK)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"mark": "point", "data": {"url": "http://127.0.0.1:9/a.csv"}},
        {"mark": "point", "data": {"url": "file:///etc/passwd", "format": {"type": "csv"}}},
        {"mark": {"type": "image", "url": "http://127.0.0.1:9/a.png"}, "data": {"values": [{}]}},
        {"mark": {"type": "point", "href": "javascript:alert(1)"}, "data": {"values": [{}]}},
        {"layer": [{"mark": "point", "data": {"url": "a.json"}}]},
        {"mark": 7},
        {},
    ],
)
def test_what_lies_elsewhere_is_refused(draws: Draws, elsewhere: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        draws.svg(elsewhere, alt="", colors={})
    with pytest.raises(ValueError):
        draws.png(elsewhere, alt="", colors={}, background=LIGHT[SURFACE])


def test_several_threads_get_the_same_bytes(draws: Draws) -> None:
    picture = SOME["timeline"]("jewellery")
    with ThreadPoolExecutor(8) as threads:
        drawn = list(threads.map(lambda _: page_svg(draws, picture, 560), range(24)))
    other = VegaDrawings()
    try:
        assert set(drawn) == {page_svg(other, picture, 560)}
    finally:
        other.close()

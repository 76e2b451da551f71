"""Pictures: of any figures a specification that is drawn, and a table that says the same."""

import json
from collections.abc import Iterator
from typing import TypeVar
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.pictures import VegaDrawings
from api.pictures import (
    DARK,
    LIGHT,
    Bin,
    Bought,
    Draws,
    Effect,
    Gain,
    Look,
    Picture,
    Reliability,
    Roc,
    Series,
    Step,
    buckets_of,
    contributions,
    distribution,
    gain,
    gauge,
    heat,
    interval,
    lines,
    page_svg,
    reliability,
    roc,
    sequence,
    shares,
    timeline,
    uplift,
)
from api.pictures.frame import nice_ticks
from api.pictures.lines import time_axis
from api.pictures.style import shortened, text_width
from tests.pictures import AT_US, DAY_US, NONE, SOME

T = TypeVar("T")
SHARES = st.floats(0, 1)
NUMBERS = st.floats(-1e9, 1e9)
ENDS = st.none() | NUMBERS
NAMES = st.text(max_size=60)
INSTANTS = st.integers(AT_US - 4_000 * DAY_US, AT_US)
DAYS = [AT_US + day * DAY_US for day in range(3)]
BINS = st.builds(Bin, st.integers(0, 10**9), SHARES, SHARES)


def several(each: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
    return st.lists(each, max_size=12)


PICTURES: dict[str, st.SearchStrategy[Picture]] = {
    "distribution": st.builds(
        distribution,
        several(st.integers(0, 10**9)),
        chosen=st.tuples(SHARES, SHARES).map(lambda ends: (min(ends), max(ends))),
        noun=NAMES,
    ),
    "reliability": st.builds(
        reliability, st.lists(st.builds(Reliability, NAMES, several(BINS)), max_size=2)
    ),
    "gain": st.builds(
        gain,
        st.lists(st.builds(Gain, NAMES, several(st.tuples(SHARES, SHARES))), max_size=2),
        mark=SHARES,
    ),
    "roc": st.builds(
        roc, st.lists(st.builds(Roc, NAMES, several(st.tuples(SHARES, SHARES)), SHARES), max_size=2)
    ),
    "lines": st.builds(
        lines,
        st.lists(
            st.builds(
                Series,
                NAMES,
                several(st.tuples(INSTANTS, st.none() | NUMBERS | st.just(float("nan")))),
            ),
            max_size=3,
        ),
        unit=NAMES | st.just("shed, %"),
        limit=st.none() | NUMBERS,
    ),
    "contributions": st.builds(contributions, several(st.tuples(NAMES, NUMBERS))),
    "gauge": st.builds(gauge, st.none() | SHARES, average=st.none() | SHARES),
    "timeline": st.builds(
        timeline,
        several(st.builds(Bought, INSTANTS, NAMES)),
        as_of_us=st.just(AT_US),
        windows=st.lists(st.integers(1, 3650), max_size=4, unique=True),
        chosen=st.none() | NAMES,
    ),
    "interval": st.builds(
        interval, several(st.builds(Effect, NAMES, NUMBERS, ENDS, ENDS)), unit=NAMES
    ),
    "uplift": st.builds(
        uplift, several(st.builds(Step, NAMES, st.integers(0, 10**9), NUMBERS, ENDS, ENDS))
    ),
    "sequence": st.builds(
        sequence, several(st.builds(Look, INSTANTS, NUMBERS, ENDS, ENDS)), unit=NAMES
    ),
    "heat": st.builds(
        heat,
        st.just(["age", "volume"]),
        st.just(DAYS),
        st.lists(
            st.lists(st.none() | st.floats(0, 1e6), min_size=3, max_size=3), min_size=2, max_size=2
        ),
        limit=st.floats(0.01, 10),
    ),
    "shares": st.builds(shares, several(st.tuples(NAMES, SHARES))),
}


@pytest.fixture(scope="module")
def draws() -> Iterator[Draws]:
    drawings = VegaDrawings()
    yield drawings
    drawings.close()


def test_every_kind_is_proven() -> None:
    assert PICTURES.keys() == SOME.keys() == NONE.keys()


@pytest.mark.parametrize("kind", PICTURES)
def test_any_figures_give_a_specification_and_a_table(kind: str) -> None:
    @given(picture=PICTURES[kind], width=st.integers(280, 1200))
    def proof(picture: Picture, width: int) -> None:
        specification = picture.specification(width)
        json.dumps(specification, allow_nan=False)
        sides = specification["padding"]
        assert specification["width"] + sides["left"] + sides["right"] == width
        assert picture.alt
        assert all(len(row) == len(picture.table.header) for row in picture.table.rows)

    proof()


@pytest.mark.parametrize("kind", PICTURES)
def test_any_figures_are_drawn(draws: Draws, kind: str) -> None:
    @settings(max_examples=4, deadline=None)
    @given(picture=PICTURES[kind])
    def proof(picture: Picture) -> None:
        root = ET.fromstring(page_svg(draws, picture, 330))  # noqa: S314  # ours
        assert root.attrib["width"] == "330"

    proof()


@given(probabilities=st.lists(SHARES))
def test_everybody_falls_into_one_bucket(probabilities: list[float]) -> None:
    assert sum(buckets_of(probabilities)) == len(probabilities)


def test_the_ends_of_the_scale_fall_into_the_outer_buckets() -> None:
    assert buckets_of([0.0, 0.05, 1.0])[0] == 1
    assert buckets_of([0.0, 0.05, 1.0])[1] == 1
    assert buckets_of([0.0, 0.05, 1.0])[-1] == 1


def test_an_end_within_a_bucket_divides_its_bar() -> None:
    specification = distribution([10, 10], chosen=(0.25, 1.0)).specification(560)
    bars = [layer["data"]["values"] for layer in specification["layer"][-2:]]
    soft, full = ([(bar["from"], bar["to"]) for bar in each] for each in bars)
    assert soft[0][1] == full[0][0] == 0.25
    assert len(soft) == 1
    assert len(full) == 2


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), about=st.integers(2, 8))
def test_ticks_are_round_and_within(low: float, span: float, about: int) -> None:
    ticks = nice_ticks(low, low + span, about=about)
    assert len(ticks) <= 2 * about + 1
    slack = 1e-6 * max(1.0, abs(low), span)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)


@example(first=10**9, span=10**11, about=3)  # it begins within a month
@given(first=st.integers(0, 2 * 10**12), span=st.integers(1, 10**12), about=st.integers(2, 8))
def test_ticks_of_time_are_few_and_within(first: int, span: int, about: int) -> None:
    ticks = time_axis(first, first + span, about=about).ticks
    assert 1 <= len(ticks) <= about + 1
    assert all(first <= tick <= first + span for tick in ticks)


@given(text=st.text(), room=st.floats(20, 400))
def test_a_shortened_text_fits_and_begins_alike(text: str, room: float) -> None:
    short = shortened(text, room)
    assert text_width(short) <= room
    assert text.startswith(short.removesuffix("…")) or short == text


def test_both_themes_name_every_role() -> None:
    assert LIGHT.keys() == DARK.keys()

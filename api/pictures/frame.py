"""What every picture stands in: its size, its axes, its legend, and what is said where it is empty."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pictures.style import (
    CONFIG,
    INK,
    NOTE,
    SECONDARY,
    SMALL,
    Specification,
    color_of,
    shortened,
    text_width,
)

Layer = Mapping[str, Any]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_LEGEND_ROW, _TITLE_ROW = 26, 18
_LEGEND_ENTRY = 38  # a line, and the room before and after the name
NARROW = 420
"""Pixels below which a picture says less: fewer ticks, shorter names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis in the numbers of its data.

    `title` names what is counted, with its unit. `ticks` are where labels and grid lines stand.
    `label` is an expression of Vega over `datum.value`.
    """

    domain: tuple[float, float]
    title: str = ""
    ticks: Sequence[float] = ()
    label: str = "datum.label"
    utc: bool = False
    """The numbers are milliseconds since 1970, in UTC."""
    grid: bool = True

    def channel(self, field: str | None, *, orient: str, **more: object) -> Mapping[str, Any]:
        """The encoding of a field, or of nothing, along this axis."""
        scale = {"domain": list(self.domain), "nice": False, "zero": False, "clamp": False}
        kind = "quantitative"
        if self.utc:
            kind, scale["type"] = "temporal", "utc"
        axis = None
        if self.ticks:
            axis = {
                "orient": orient,
                "values": list(self.ticks),
                "labelExpr": self.label,
                "labelFlush": orient == "bottom",
                "labelOverlap": orient == "bottom",
                "grid": self.grid,
            }
        what = {"datum": self.domain[0]} if field is None else {"field": field}
        return {**what, "type": kind, "scale": scale, "axis": axis, "title": None, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The place of a plot: axes, and the room around it in pixels."""

    x: Axis
    y: Axis
    width: int
    """Of the whole picture."""
    height: int
    """Of the plot alone."""
    legend: Sequence[str] = ()
    left: int = 44
    right: int = 8

    @property
    def plot_width(self) -> int:
        """Pixels between the two sides of the plot."""
        return max(40, self.width - self.left - self.right)

    def layer(
        self, mark: Mapping[str, Any], values: Iterable[Mapping[str, object]], **encoding: object
    ) -> Layer:
        """Marks at fields of `values`.

        `x` and `y` name fields of the frame's axes; `x_px` and `y_px` are pixels of the plot.
        """
        channels: dict[str, object] = {}
        for name, what in encoding.items():
            if name in {"x", "y"} and isinstance(what, str):
                axis, orient = (self.x, "bottom") if name == "x" else (self.y, "left")
                channels[name] = axis.channel(what, orient=orient)
            elif name.endswith("_px"):
                channels[name.removesuffix("_px")] = {"value": what}
            else:
                channels[name] = {"field": what} if isinstance(what, str) else what
        return {"data": {"values": list(values)}, "mark": mark, "encoding": channels}

    def words(self, text: str, *, x: float, y: float, **mark: object) -> Layer:
        """One text at pixels of the plot."""
        return {
            "data": {"values": [{"text": text}]},
            "mark": {"type": "text", "align": "left", **mark},
            "encoding": {"text": {"field": "text"}, "x": {"value": x}, "y": {"value": y}},
        }

    def specification(self, layers: Sequence[Layer]) -> Specification:
        """The whole picture, its size fixed: nothing is measured to lay it out."""
        top = 8 + (_LEGEND_ROW if self.legend else 0) + (_TITLE_ROW if self.y.title else 0)
        bottom = 4 + (22 if self.x.ticks else 0) + (15 if self.x.title else 0)
        base = {
            "data": {"values": [{}]},
            "mark": {"type": "point", "opacity": 0, "size": 0},
            "encoding": {
                "x": self.x.channel(None, orient="bottom"),
                "y": self.y.channel(None, orient="left"),
            },
        }
        return {
            "$schema": _SCHEMA,
            "background": None,
            "autosize": "none",
            "width": self.plot_width,
            "height": self.height,
            "padding": {"left": self.left, "right": self.right, "top": top, "bottom": bottom},
            "layer": [base, *self._around(top), *layers],
            "config": CONFIG,
        }

    def _around(self, top: int) -> Iterable[Layer]:
        if self.y.title:
            yield self.words(
                shortened(self.y.title, self.width - 8), x=-self.left + 1, y=-14, **_AXIS_TITLE
            )
        if self.x.title:
            yield self.words(
                shortened(self.x.title, self.width - 8),
                x=self.plot_width,
                y=self.height + 30,
                **{**_AXIS_TITLE, "align": "right"},
            )
        at = -float(self.left) + 1
        room = float(self.width - _LEGEND_ENTRY * len(self.legend))
        if sum(text_width(name, NOTE) for name in self.legend) > room:
            room /= len(self.legend)
        for place, name in enumerate(self.legend):
            line = {"type": "rule", "color": color_of(place), "size": 2.5, "strokeCap": "round"}
            y = -top + 15
            yield {
                "data": {"values": [{}]},
                "mark": line,
                "encoding": {"x": {"value": at}, "x2": {"value": at + 16}, "y": {"value": y}},
            }
            said = shortened(name, room, NOTE)
            yield self.words(said, x=at + 24, y=y, color=SECONDARY, fontSize=NOTE)
            at += _LEGEND_ENTRY + text_width(said, NOTE)


_AXIS_TITLE: Mapping[str, Any] = {"color": SECONDARY, "fontSize": SMALL}


def empty(words: str, *, width: int, height: int = 120) -> Specification:
    """What stands where there is nothing to draw."""
    frame = Frame(
        x=Axis(domain=(0, 1)), y=Axis(domain=(0, 1)), width=width, height=height, left=8, right=8
    )
    return frame.specification(
        [
            frame.words(
                shortened(words, frame.plot_width, 13),
                x=frame.plot_width / 2,
                y=height / 2,
                align="center",
                color=SECONDARY,
                fontSize=13,
            )
        ]
    )


def note(frame: Frame, text: str, *, x: float, y: float, align: str = "left") -> Layer:
    """A short sentence within the plot, in ink."""
    room = x if align == "right" else frame.plot_width + frame.right - x
    said = shortened(text, room)
    return frame.words(said, x=x, y=y, align=align, color=INK, fontSize=SMALL, fontWeight=600)


_STEPS = ((1, math.sqrt(2)), (2, math.sqrt(10)), (5, math.sqrt(50)), (10, math.inf))
"""Steps, each up to the geometric mean of it and the next."""
SIGNED = "datum.value == 0 ? '0' : format(datum.value, '+,~r')"
"""The label of a difference."""


def nice_ticks(low: float, high: float, *, about: int) -> list[float]:
    """Round numbers from `low` to `high`, about so many, in steps of 1, 2 or 5."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    rough = span / max(1, about)
    power: float = 10.0 ** math.floor(math.log10(rough))
    over = rough / power
    step = power * next(each for each, most in _STEPS if over < most)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first
    return [round((first + place) * step, 12) for place in range(count + 1)]

"""May I look already? The difference so far, with a band that holds at every look."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.pictures.frame import NARROW, SIGNED, Axis, Frame, empty, nice_ticks
from api.pictures.lines import DAY_US, instant, time_axis
from api.pictures.picture import Picture, Table, between, signed
from api.pictures.style import DATA_1, DATA_1_SOFT, SECONDARY, Specification, text_width


@dataclass(frozen=True, slots=True)
class Look:
    """What was known at an instant, in UTC microseconds: the difference, and its always-valid interval.

    An end that is None is open.
    """

    at_us: int
    difference: float
    low: float | None
    high: float | None


def sequence(looks: Sequence[Look], *, unit: str) -> Picture:
    """The cumulative difference over time, in `unit`, such as "points"."""
    ordered = sorted(looks, key=lambda each: each.at_us)
    rows = tuple(
        (instant(each.at_us), signed(each.difference), between(each.low, each.high, signed))
        for each in ordered
    )
    alt = "Difference so far: nothing was measured yet."
    if ordered:
        last = ordered[-1]
        above, below = (last.low or 0) > 0, (last.high or 0) < 0
        clear = "lies" if above or below else "does not lie"
        alt = (
            f"Difference so far, up to {instant(last.at_us)} UTC: {signed(last.difference)} {unit}; "
            f"its always-valid interval {clear} clear of zero."
        )
    header = ("UTC", f"difference, {unit}", "always-valid interval")
    return Picture(
        alt=alt, table=Table(header, rows), specification=lambda width: _draw(ordered, unit, width)
    )


def _draw(looks: Sequence[Look], unit: str, width: int) -> Specification:
    if not looks:
        return empty("Nothing was measured yet.", width=width, height=170)
    low, high = _shown(looks)
    ticks = nice_ticks(low, high, about=4)
    first, last = looks[0].at_us, looks[-1].at_us
    if first == last:
        first -= DAY_US
    frame = Frame(
        x=time_axis(first // 1000, last // 1000, about=4 if width < NARROW else 7),
        y=Axis(domain=(low, high), title=f"difference so far, {unit}", ticks=ticks, label=SIGNED),
        width=width,
        height=180 if width < NARROW else 210,
        left=round(16 + max(text_width(f"{tick:+,.6g}") for tick in ticks)),
    )
    values = [
        {
            "x": each.at_us // 1000,
            "y": min(max(each.difference, low), high),
            "low": low if each.low is None else min(max(each.low, low), high),
            "high": high if each.high is None else min(max(each.high, low), high),
        }
        for each in looks
    ]
    dashed = {"type": "rule", "color": SECONDARY, "strokeWidth": 1, "strokeDash": [3, 4]}
    line = {"type": "line", "color": DATA_1, "strokeWidth": 2}
    dot = {"type": "point", "filled": True, "color": DATA_1, "size": 44, "opacity": 1}
    edge = {"type": "rule", "color": DATA_1, "strokeWidth": 1.25}
    return frame.specification(
        [
            frame.layer({"type": "area", "color": DATA_1_SOFT}, values, x="x", y="low", y2="high"),
            frame.layer(dashed, [{"y": 0}], y="y", x_px=0, x2={"value": frame.plot_width}),
            frame.layer(line, values, x="x", y="y"),
            frame.layer(edge, values[-1:], x="x", y="low", y2="high"),
            frame.layer(dot, values[-1:], x="x", y="y"),
        ]
    )


def _shown(looks: Sequence[Look]) -> tuple[float, float]:
    """The part of the axis that is shown: the first looks are wide, and tell nothing further out."""
    middle = looks[len(looks) // 4 :]
    ends = [each for look in middle for each in (look.low, look.high)]
    known = [
        0.0,
        *(look.difference for look in looks),
        *(each for each in ends if each is not None),
    ]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    return low - span * 0.05, high + span * 0.05

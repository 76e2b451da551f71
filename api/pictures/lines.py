"""How a figure went over time: one line, or two to compare, with the unit on the axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.pictures.frame import NARROW, Axis, Frame, Layer, empty, nice_ticks, note
from api.pictures.picture import Picture, Table
from api.pictures.style import SECONDARY, Specification, color_of, text_width

DAY_US = 86_400_000_000
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_STEPS_MS = (
    *(minutes * 60_000 for minutes in (1, 5, 15, 30)),
    *(hours * _HOUR_MS for hours in (1, 3, 6, 12)),
    *(days * _DAY_MS for days in (1, 2, 7, 14)),
)
_HOUR, _DAY = "utcFormat(datum.value, '%H:%M')", "utcFormat(datum.value, '%-d %b')"


@dataclass(frozen=True, slots=True)
class Series:
    """A name and its values at instants in UTC microseconds.

    None leaves a gap in the line, and so does what is no number.
    """

    name: str
    points: Sequence[tuple[int, float | None]]


def lines(
    series: Sequence[Series], *, unit: str, limit: float | None = None, limit_name: str = "limit"
) -> Picture:
    """Figures over time, from zero up. `limit` is drawn dashed across, with its name.

    `unit` says what is counted ("requests per second"). Where it ends in "%" ("shed, %"), values
    are shares: 0.2 is 20 %.
    """
    whole = [
        Series(each.name, [(at, _finite(value)) for at, value in each.points]) for each in series
    ]
    drawn = [each for each in whole if any(value is not None for _, value in each.points)]
    instants = sorted({at for each in drawn for at, _ in each.points})
    found = [dict(each.points) for each in drawn]
    rows = tuple((instant(at), *(_number(each.get(at), unit) for each in found)) for at in instants)
    alt = f"{unit} over time: nothing was measured yet."
    if drawn:
        said = "; ".join(_course(each, unit) for each in drawn)
        alt = f"From {instant(instants[0])} to {instant(instants[-1])} UTC: {said}."
    return Picture(
        alt=alt,
        table=Table(("UTC", *(_column(each.name, unit) for each in drawn)), rows),
        specification=lambda width: _draw(drawn, unit, limit, limit_name, width),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _ordered(series: Series) -> list[tuple[int, float | None]]:
    return sorted(series.points, key=lambda point: point[0])


def _column(name: str, unit: str) -> str:
    return name if unit.endswith("%") else f"{name}, {unit}"


def _course(series: Series, unit: str) -> str:
    values = [value for _, value in series.points if value is not None]
    last, least, most = (_number(each, unit) for each in (values[-1], min(values), max(values)))
    said = "" if unit.endswith("%") else f" {unit}"
    return f"{series.name} is {last}{said} at the end and was between {least} and {most}"


def instant(at_us: int) -> str:
    """An instant in UTC microseconds, to the minute."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")


def day(at_us: int) -> str:
    """A day of UTC."""
    return instant(at_us)[:10]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value * 100:.1f} %" if unit.endswith("%") else f"{value:,.4g}"


def time_axis(first_ms: int, last_ms: int, *, about: int) -> Axis:
    """An axis in UTC with at most so many ticks, at full minutes, hours, days or months."""
    span = last_ms - first_ms
    step = next((each for each in _STEPS_MS if span / each <= about), None)
    if step is None:
        ticks, label = _months(first_ms, last_ms, about), "utcFormat(datum.value, '%b %Y')"
    else:
        ticks, label = list(range(-(-first_ms // step) * step, last_ms + 1, step)), _DAY
        if step < _DAY_MS:
            label = f"utchours(datum.value) + utcminutes(datum.value) ? {_HOUR} : {_DAY}"
    return Axis(
        domain=(first_ms, last_ms), ticks=ticks or [first_ms], label=label, utc=True, grid=False
    )


def _months(first_ms: int, last_ms: int, about: int) -> list[int]:
    """First days of months within."""
    first, last = (datetime.fromtimestamp(at // 1000, UTC) for at in (first_ms, last_ms))
    begin, end = first.year * 12 + first.month, last.year * 12 + last.month
    step = 1
    while (end - begin) / step > about:
        step = {1: 2, 2: 3, 3: 6}.get(step, step * 2)
    begin += -(begin - 1) % step
    days = (
        int(datetime((month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000
        for month in range(begin, end + 1, step)
    )
    return [at for at in days if at >= first_ms]  # the first month began before


def _draw(
    series: Sequence[Series], unit: str, limit: float | None, limit_name: str, width: int
) -> Specification:
    if not series:
        return empty("Nothing was measured yet.", width=width, height=150)
    points = [(at // 1000, value) for each in series for at, value in each.points]
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    if first == last:
        first, last = first - _HOUR_MS, last + _HOUR_MS
    values = [value for _, value in points if value is not None]
    low, high = min(*values, limit or 0.0, 0.0), max(*values, limit or 0.0, 0.0)
    high = high if high > low else low + 1
    ticks = nice_ticks(low, high * 1.04, about=4)
    label = (
        "format(datum.value * 100, '~r')" if unit.endswith("%") else "format(datum.value, ',~r')"
    )
    widest = max(text_width(f"{tick * (100 if unit.endswith('%') else 1):,.6g}") for tick in ticks)
    frame = Frame(
        x=time_axis(first, last, about=4 if width < NARROW else 7),
        y=Axis(domain=(low, high * 1.06), title=unit, ticks=ticks, label=label),
        width=width,
        height=140 if width < NARROW else 170,
        legend=[each.name for each in series] if len(series) > 1 else [],
        left=round(14 + widest),
    )
    layers: list[Layer] = []
    if limit is not None:
        dashed = {"type": "rule", "color": SECONDARY, "strokeWidth": 1, "strokeDash": [3, 4]}
        layers.append(
            frame.layer(dashed, [{"y": limit}], y="y", x_px=0, x2={"value": frame.plot_width})
        )
        above = frame.height * (1 - (limit - low) / (high * 1.06 - low)) - 8
        layers.append(note(frame, limit_name, x=frame.plot_width, y=above, align="right"))
    for place, each in reversed(list(enumerate(series))):
        marks = [{"x": at // 1000, "y": value} for at, value in _ordered(each)]
        line = {"type": "line", "color": color_of(place), "strokeWidth": 1.75, "point": False}
        layers.append(frame.layer(line, marks, x="x", y="y"))
        dot = {"type": "point", "filled": True, "color": color_of(place), "size": 36, "opacity": 1}
        layers.append(
            frame.layer(dot, [mark for mark in marks if mark["y"] is not None][-1:], x="x", y="y")
        )
    return frame.specification(layers)

"""Did it help? A difference as a dot, its interval as a whisker, beside the line of no difference."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.pictures.frame import NARROW, SIGNED, Axis, Frame, Layer, empty, nice_ticks
from api.pictures.picture import Picture, Table, between, signed
from api.pictures.style import DATA_1, NOTE, SECONDARY, Specification, shortened, text_width


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference and its 95 % interval, in the unit of the picture; an end that is None is open."""

    name: str
    value: float
    low: float | None
    high: float | None


def interval(effects: Sequence[Effect], *, unit: str) -> Picture:
    """Differences in one unit, such as "points" or "EUR per customer", one below the other."""
    rows = tuple(
        (each.name, signed(each.value), between(each.low, each.high, signed)) for each in effects
    )
    alt = "No difference was measured yet."
    if effects:
        said = "; ".join(f"{each.name} {_said(each)} {unit}" for each in effects)
        alt = f"Difference with its 95 % interval: {said}."
    return Picture(
        alt=alt,
        table=Table(("measure", f"difference, {unit}", "95 % interval"), rows),
        specification=lambda width: _draw(effects, unit, width),
    )


def _said(effect: Effect) -> str:
    return f"{signed(effect.value)} ({between(effect.low, effect.high, signed)})"


def _draw(effects: Sequence[Effect], unit: str, width: int) -> Specification:
    if not effects:
        return empty("No difference was measured yet.", width=width, height=80)
    longest = max(text_width(each.name, NOTE) for each in effects) + 14
    said = max(text_width(_said(each), NOTE) for each in effects) + 12
    above = width < NARROW or longest + said > width * 0.6
    row, dot_at = (50, 34) if above else (32, 16)
    ends = [each for effect in effects for each in (effect.low, effect.value, effect.high)]
    known = [0.0, *(each for each in ends if each is not None)]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    height = row * len(effects) + 6
    domain = (low - span * 0.06, high + span * 0.06)
    ticks = nice_ticks(*domain, about=4)
    frame = Frame(
        x=Axis(domain=domain, title=unit, ticks=ticks, label=SIGNED, grid=False),
        y=Axis(domain=(height, 0)),  # in pixels, from the top
        width=width,
        height=height,
        left=8 if above else round(longest),
        right=8 if above else round(said),
    )
    values = [
        {
            "value": each.value,
            "low": domain[0] if each.low is None else each.low,
            "high": domain[1] if each.high is None else each.high,
            "zero": 0,
            "top": row * place + dot_at - 12,
            "y": row * place + dot_at,
            "bottom": row * place + dot_at + 12,
        }
        for place, each in enumerate(effects)
    ]
    dashed = {"type": "rule", "color": SECONDARY, "strokeWidth": 1, "strokeDash": [3, 4]}
    thin = {"type": "rule", "color": DATA_1, "strokeWidth": 1.5}
    dot = {"type": "point", "filled": True, "color": DATA_1, "size": 64, "opacity": 1}
    layers: list[Layer] = [
        frame.layer(dashed, values, x="zero", y="top", y2="bottom"),
        frame.layer(thin, values, x="low", x2="high", y="y"),
        frame.layer(dot, values, x="value", y="y"),
    ]
    for place, each in enumerate(effects):
        y = row * place + (12 if above else dot_at)
        end = frame.plot_width + frame.right - 2
        room = (width - said if above else longest) - 8
        name = shortened(each.name, room, NOTE)
        layers += [
            frame.words(name, x=1 - frame.left, y=y, fontSize=NOTE),
            frame.words(_said(each), x=end, y=y, align="right", fontSize=NOTE),
        ]
    return frame.specification(layers)

"""What a customer bought and when, with the windows that features look at shaded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from api.pictures.frame import NARROW, Axis, Frame, Layer, empty
from api.pictures.lines import DAY_US, instant, time_axis
from api.pictures.picture import Picture, Table
from api.pictures.style import (
    DATA_1,
    DATA_1_SOFT,
    NOTE,
    SECONDARY,
    SMALL,
    Specification,
    shortened,
    text_width,
)

_ROW, _TOP = 30, 18
_LANES = 8


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase: when, in UTC microseconds, and in which category."""

    at_us: int
    category: str
    amount: str = ""
    """As it is read: "12.50 EUR"."""


def timeline(
    purchases: Sequence[Bought], *, as_of_us: int, windows: Sequence[int], chosen: str | None = None
) -> Picture:
    """Purchases in a lane for each category, up to `as_of_us`; windows in whole days before it.

    The category `chosen` comes first and in blue. The eight most frequent have a lane of their own.
    """
    shown = sorted(
        (each for each in purchases if each.at_us <= as_of_us), key=lambda each: -each.at_us
    )
    rows = tuple((instant(each.at_us), each.category, each.amount) for each in shown)
    return Picture(
        alt=_alt(shown, as_of_us, windows),
        table=Table(("UTC", "category", "amount"), rows),
        specification=lambda width: _draw(shown, as_of_us, sorted(windows), chosen, width),
    )


def _alt(shown: Sequence[Bought], as_of_us: int, windows: Sequence[int]) -> str:
    if not shown:
        return f"No purchases before {instant(as_of_us)} UTC."
    counts = ", ".join(
        f"{sum(each.at_us > as_of_us - days * DAY_US for each in shown):,} in the last {days} days"
        for days in sorted(windows)
    )
    said = f"; {counts}" if counts else ""
    return f"{len(shown):,} purchases up to {instant(as_of_us)} UTC, the last on {instant(shown[0].at_us)}{said}."


def _lanes(shown: Sequence[Bought], chosen: str | None) -> tuple[list[str], dict[str, int]]:
    """The names of the lanes, and the lane of each category."""
    frequent = [name for name, _ in Counter(each.category for each in shown).most_common()]
    frequent.sort(key=lambda name: name != chosen)
    if len(frequent) <= _LANES:
        return frequent, {name: lane for lane, name in enumerate(frequent)}
    named = [*frequent[: _LANES - 1], f"{len(frequent) - _LANES + 1:,} others"]
    return named, {name: min(lane, _LANES - 1) for lane, name in enumerate(frequent)}


def _draw(
    shown: Sequence[Bought], as_of_us: int, windows: Sequence[int], chosen: str | None, width: int
) -> Specification:
    if not shown:
        return empty("No purchases yet.", width=width, height=90)
    names, lanes = _lanes(shown, chosen)
    longest = max(text_width(name, NOTE) for name in names) + 14
    left = min(longest, width * (0.3 if width < NARROW else 0.25))
    end = as_of_us // 1000
    start = min(*(each.at_us for each in shown), as_of_us - max(windows, default=1) * DAY_US)
    start //= 1000
    start -= (end - start) // 50  # no dot at the very edge
    height = _TOP + _ROW * len(names)
    frame = Frame(
        x=time_axis(start, end, about=3 if width < NARROW else 6),
        y=Axis(domain=(height, 0)),  # in pixels, from the top
        width=width,
        height=height,
        left=round(left),
        right=10,
    )
    layers = _windows(frame, windows, (start, end))
    for lane, name in enumerate(names):
        y = _TOP + _ROW * (lane + 0.5)
        layers.append(
            frame.words(shortened(name, left - 10, NOTE), x=1 - frame.left, y=y, fontSize=NOTE)
        )
    for color, own in ((SECONDARY, False), (DATA_1, True)):
        dots = [
            {"x": each.at_us // 1000, "y": _TOP + _ROW * (lanes[each.category] + 0.5)}
            for each in shown
            if (chosen in {None, each.category}) is own
        ]
        mark = {"type": "point", "filled": True, "color": color, "size": 46, "opacity": 0.85}
        layers.append(frame.layer(mark, dots, x="x", y="y"))
    return frame.specification(layers)


def _windows(frame: Frame, windows: Sequence[int], span: tuple[int, int]) -> list[Layer]:
    """Bands that end now: where shorter ones lie upon longer ones, it is darker.

    A name stands in what a band has for itself, where there is room for it.
    """
    bands: list[Layer] = []
    names: list[Layer] = []
    right = float(frame.plot_width)
    for days in windows:
        left = frame.plot_width * (1 - days * DAY_US / 1000 / (span[1] - span[0]))
        bands.append(_band(left, frame))
        for words in (f"{days} days", f"{days} d"):
            if right - left > text_width(words) + 6:
                names.append(frame.words(words, x=left + 4, y=9, color=SECONDARY, fontSize=SMALL))
                break
        right = left
    return [*bands, *names]


def _band(left: float, frame: Frame) -> Layer:
    return {
        "data": {"values": [{}]},
        "mark": {"type": "rect", "color": DATA_1_SOFT, "opacity": 0.45},
        "encoding": {
            "x": {"value": left},
            "x2": {"value": frame.plot_width},
            "y": {"value": 0},
            "y2": {"value": frame.height},
        },
    }

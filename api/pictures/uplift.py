"""Whom did it help? The difference that a campaign made, by tenth of the score."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.pictures.frame import NARROW, Axis, Frame, empty, nice_ticks
from api.pictures.picture import Picture, Table, between, signed
from api.pictures.style import DATA_1, SECONDARY, Specification, text_width


@dataclass(frozen=True, slots=True)
class Step:
    """Customers of similar score: the share of treated that bought, less that of held out.

    `low` and `high` are the 95 % interval. All are shares, so 0.02 is 2 points. An
    end that is None is open.
    """

    name: str
    customers: int
    difference: float
    low: float | None
    high: float | None


def uplift(steps: Sequence[Step]) -> Picture:
    """The difference for each part of the customers, in the given order: the likeliest first."""
    rows = tuple(
        (
            each.name,
            f"{each.customers:,}",
            _points(each.difference),
            between(each.low, each.high, _points),
        )
        for each in steps
    )
    alt = "Difference by score: nothing was measured yet."
    if steps:
        clear = sum(each.low is not None and each.low > 0 for each in steps)
        best = max(steps, key=lambda each: each.difference)
        alt = (
            f"Difference in buyers by score, the likeliest first: greatest in {best.name} with "
            f"{_points(best.difference)} points; in {clear} of {len(steps)} parts the interval "
            "lies above zero."
        )
    header = ("part", "customers", "difference, points", "95 % interval")
    return Picture(
        alt=alt, table=Table(header, rows), specification=lambda width: _draw(steps, width)
    )


def _points(share: float) -> str:
    return signed(share * 100, 1)


def _draw(steps: Sequence[Step], width: int) -> Specification:
    if not steps:
        return empty("Nothing was measured yet.", width=width, height=170)
    ends = [each for step in steps for each in (step.low, step.difference, step.high)]
    known = [0.0, *(each for each in ends if each is not None)]
    low, high = min(known), max(known)
    span = (high - low) or 0.01
    domain = (low - span * 0.05, high + span * 0.05)
    ticks = nice_ticks(*domain, about=4)
    frame = Frame(
        x=Axis(
            domain=(0.5, len(steps) + 0.5),
            title="tenth of customers, the likeliest first",
            ticks=list(range(1, len(steps) + 1)),
            label="format(datum.value, 'd')",
            grid=False,
        ),
        y=Axis(
            domain=domain,
            title="more buyers among the treated, points",
            ticks=ticks,
            label="datum.value == 0 ? '0' : format(datum.value * 100, '+~r')",
        ),
        width=width,
        height=190 if width < NARROW else 220,
        left=round(16 + max(text_width(f"{tick * 100:+.4g}") for tick in ticks)),
    )
    values = [
        {
            "x": place,
            "y": each.difference,
            "low": domain[0] if each.low is None else each.low,
            "high": domain[1] if each.high is None else each.high,
        }
        for place, each in enumerate(steps, start=1)
    ]
    dashed = {"type": "rule", "color": SECONDARY, "strokeWidth": 1, "strokeDash": [3, 4]}
    thin = {"type": "rule", "color": DATA_1, "strokeWidth": 1.25}
    dot = {"type": "point", "filled": True, "color": DATA_1, "size": 56, "opacity": 1}
    return frame.specification(
        [
            frame.layer(dashed, [{"y": 0}], y="y", x_px=0, x2={"value": frame.plot_width}),
            frame.layer(thin, values, x="x", y="low", y2="high"),
            frame.layer(dot, values, x="x", y="y"),
        ]
    )

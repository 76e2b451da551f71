"""Does it keep its word? What was predicted against what happened, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from api.pictures.frame import NARROW, Axis, Frame, empty
from api.pictures.picture import Picture, Table, listed, per_cent
from api.pictures.style import SECONDARY, Specification, color_of

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
PLAIN_PERCENT = "format(datum.value * 100, '.0f')"
_Z = 1.959964  # of 95 %, two-sided


@dataclass(frozen=True, slots=True)
class Bin:
    """People given about the same probability, and the share of them that bought."""

    people: int
    predicted: float
    observed: float
    known: tuple[float, float] | None = None
    """The 95 % interval of what was observed, where people are not independent."""

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of what was observed: the known one, or Wilson's score.

        Source: Wilson (1927), Journal of the American Statistical Association 22.
        """
        if self.known is not None:
            return self.known
        if self.people <= 0:
            return 0.0, 1.0
        square = _Z * _Z / self.people
        middle = (self.observed + square / 2) / (1 + square)
        spread = self.observed * (1 - self.observed) / self.people + square / (4 * self.people)
        half = _Z * math.sqrt(max(0.0, spread)) / (1 + square)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Reliability:
    """The bins of one version."""

    name: str
    bins: Sequence[Bin]


def reliability(curves: Sequence[Reliability]) -> Picture:
    """One version in blue, or the new one in blue beside the other in orange."""
    drawn = [each for each in curves if each.bins]
    rows = tuple(
        (
            curve.name,
            per_cent(each.predicted, 1),
            per_cent(each.observed, 1),
            "{} to {}".format(*(per_cent(end, 1) for end in each.interval())),
            f"{each.people:,}",
        )
        for curve in drawn
        for each in curve.bins
    )
    header = ("version", "predicted", "bought", "95 % interval", "people")
    alt = "Predicted against bought: nothing was judged yet."
    if drawn:
        alt = f"Predicted against bought, {_widest(drawn)}; on the dashed line it is right."
    return Picture(
        alt=alt, table=Table(header, rows), specification=lambda width: _draw(drawn, width)
    )


def _widest(curves: Sequence[Reliability]) -> str:
    said = []
    for curve in curves:
        far = max(curve.bins, key=lambda each: abs(each.observed - each.predicted))
        said.append(
            f"{curve.name} is farthest off at {per_cent(far.predicted)}, "
            f"where {per_cent(far.observed)} bought"
        )
    return listed(said)


def percent_frame(width: int, *, x: str, y: str, legend: Sequence[str]) -> Frame:
    """Axes from 0 to 100 per cent both ways."""
    return Frame(
        x=Axis(domain=(0, 1), title=x, ticks=QUARTERS, label=PLAIN_PERCENT, grid=False),
        y=Axis(domain=(0, 1), title=y, ticks=QUARTERS, label=PLAIN_PERCENT),
        width=width,
        height=230 if width < NARROW else 270,
        legend=legend,
        left=30,
    )


DIAGONAL = [{"x": 0, "y": 0}, {"x": 1, "y": 1}]
REFERENCE = {"type": "line", "color": SECONDARY, "strokeWidth": 1, "strokeDash": [3, 4]}


def _draw(curves: Sequence[Reliability], width: int) -> Specification:
    if not curves:
        return empty("Nothing was judged yet.", width=width, height=230)
    legend = [each.name for each in curves] if len(curves) > 1 else []
    frame = percent_frame(width, x="predicted, %", y="bought, %", legend=legend)
    layers = [frame.layer(REFERENCE, DIAGONAL, x="x", y="y")]
    for place, curve in reversed(list(enumerate(curves))):
        values = [
            {
                "x": each.predicted,
                "y": each.observed,
                "low": each.interval()[0],
                "high": each.interval()[1],
            }
            for each in sorted(curve.bins, key=lambda each: each.predicted)
        ]
        color = color_of(place)
        thin = {"type": "rule", "color": color, "strokeWidth": 1, "opacity": 0.55}
        dot = {"type": "point", "filled": True, "color": color, "size": 44, "opacity": 1}
        layers += [
            frame.layer(thin, values, x="x", y="low", y2="high"),
            frame.layer(
                {"type": "line", "color": color, "strokeWidth": 1.75}, values, x="x", y="y"
            ),
            frame.layer(dot, values, x="x", y="y"),
        ]
    return frame.specification(layers)

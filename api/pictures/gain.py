"""Whom does it find? Buyers reached when the likeliest people are contacted first."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from api.pictures.frame import NARROW, Layer, empty, note
from api.pictures.picture import Picture, Table, listed, per_cent
from api.pictures.reliability import DIAGONAL, REFERENCE, percent_frame
from api.pictures.style import INK, Specification, color_of

_FITS = (0.12, 0.4)
"""Marks between these leave room for their words below the dashed line."""


@dataclass(frozen=True, slots=True)
class Gain:
    """One version: at each share of people contacted, the share of all buyers among them.

    Points go up from left to right. The one at nobody, and the one at everybody, need not be there.
    """

    name: str
    points: Sequence[tuple[float, float]]

    def whole(self) -> list[tuple[float, float]]:
        """The points, from nobody to everybody."""
        inner = [each for each in sorted(self.points) if 0 < each[0] < 1]
        return [(0.0, 0.0), *inner, (1.0, 1.0)]

    def at(self, contacted: float) -> float:
        """The share of buyers reached by contacting this share of people, straight between points."""
        points = self.whole()
        for (x, y), (next_x, next_y) in itertools.pairwise(points):
            if x <= contacted <= next_x and next_x > x:
                return y + (next_y - y) * (contacted - x) / (next_x - x)
        return 1.0


def gain(curves: Sequence[Gain], *, mark: float = 0.2) -> Picture:
    """The gains of one version, or of the new one beside the other; `mark` is a share to read off."""
    drawn = [each for each in curves if each.points]
    rows = tuple(
        (per_cent(tenth / 10), *(per_cent(each.at(tenth / 10), 1) for each in drawn))
        for tenth in range(1, 11)
    )
    table = Table(("people contacted", *(f"buyers reached, {each.name}" for each in drawn)), rows)
    alt = "Buyers reached by contacting the likeliest first: nothing was judged yet."
    if drawn:
        reached = listed([f"{per_cent(each.at(mark))} by {each.name}" for each in drawn])
        alt = (
            f"Contacting the likeliest {per_cent(mark)} reaches these shares of buyers: {reached}."
        )
    return Picture(
        alt=alt,
        table=table if drawn else Table(table.header, ()),
        specification=lambda width: _draw(drawn, mark, width),
    )


def _draw(curves: Sequence[Gain], mark: float, width: int) -> Specification:
    if not curves:
        return empty("Nothing was judged yet.", width=width, height=230)
    legend = [each.name for each in curves] if len(curves) > 1 else []
    frame = percent_frame(width, x="people contacted, %", y="buyers reached, %", legend=legend)
    layers: list[Layer] = [frame.layer(REFERENCE, DIAGONAL, x="x", y="y")]
    for place, curve in reversed(list(enumerate(curves))):
        line = {"type": "line", "color": color_of(place), "strokeWidth": 2}
        values = [{"x": x, "y": y} for x, y in curve.whole()]
        layers.append(frame.layer(line, values, x="x", y="y"))
    if _FITS[0] <= mark <= _FITS[1]:
        reached = curves[0].at(mark)
        at = [{"x": mark, "y": reached}]
        dotted = {"type": "rule", "color": INK, "strokeWidth": 1, "strokeDash": [2, 2]}
        dot = {"type": "point", "filled": True, "color": color_of(0), "size": 56, "opacity": 1}
        who = "" if width < NARROW else "the likeliest "
        words = f"{who}{per_cent(mark)} hold {per_cent(reached)} of buyers"
        layers += [
            frame.layer(dotted, at, x="x", y="y", y2_px=frame.height),
            frame.layer(dot, at, x="x", y="y"),
            note(frame, words, x=frame.plot_width * mark + 8, y=frame.height - 16),
        ]
    return frame.specification(layers)

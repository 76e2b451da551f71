"""How well does it tell buyers from others? The receiver operating characteristic."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.pictures.frame import NARROW, empty
from api.pictures.picture import Picture, Table, listed, per_cent
from api.pictures.reliability import DIAGONAL, REFERENCE, percent_frame
from api.pictures.style import Specification, color_of


@dataclass(frozen=True, slots=True)
class Roc:
    """One version: at each threshold, the shares of others and of buyers that lie above it."""

    name: str
    points: Sequence[tuple[float, float]]
    auc: float

    def at(self, others: float) -> float:
        """The greatest share of buyers found among at most this share of others."""
        return max((y for x, y in self.points if x <= others), default=0.0)


def roc(curves: Sequence[Roc]) -> Picture:
    """The curve of one version, or of the new one in blue beside the other in orange."""
    drawn = [each for each in curves if each.points]
    tenths = [tenth / 10 for tenth in range(1, 11)] if drawn else []
    rows = tuple(
        (per_cent(tenth), *(per_cent(each.at(tenth), 1) for each in drawn)) for tenth in tenths
    )
    alt = "Buyers found against others taken for buyers: nothing was judged yet."
    if drawn:
        said = listed([f"{each.auc:.3f} by {each.name}" for each in drawn])
        alt = f"Buyers found against others taken for buyers; the area below the curve is {said}."
    header = ("others taken for buyers", *(f"buyers found, {each.name}" for each in drawn))
    return Picture(
        alt=alt, table=Table(header, rows), specification=lambda width: _draw(drawn, width)
    )


def _draw(curves: Sequence[Roc], width: int) -> Specification:
    if not curves:
        return empty("Nothing was judged yet.", width=width, height=230)
    area = "" if width < NARROW else "AUC "
    legend = [f"{each.name}, {area}{each.auc:.3f}" for each in curves]
    x, y = "others taken for buyers, %", "buyers found, %"
    frame = percent_frame(width, x=x, y=y, legend=legend)
    layers = [frame.layer(REFERENCE, DIAGONAL, x="x", y="y")]
    for place, curve in reversed(list(enumerate(curves))):
        line = {"type": "line", "color": color_of(place), "strokeWidth": 2}
        values = [{"x": x, "y": y} for x, y in sorted(curve.points)]
        layers.append(frame.layer(line, values, x="x", y="y"))
    return frame.specification(layers)

"""One customer's probability on a scale from 0 to 100 per cent, beside the average."""

from api.pictures.frame import Axis, Frame, Layer, empty
from api.pictures.picture import Picture, Table, per_cent
from api.pictures.style import DATA_1, DATA_1_SOFT, INK, SECONDARY, SMALL, Specification, text_width


def gauge(probability: float | None, *, average: float | None = None) -> Picture:
    """A probability from 0 to 1, and the average of all customers where it is known."""
    rows = [] if probability is None else [("probability", per_cent(probability, 1))]
    alt = "No score."
    if probability is not None:
        alt = f"Buys with a probability of {per_cent(probability, 1)}"
        if average is not None:
            rows.append(("average of all", per_cent(average, 1)))
            alt += f"; the average is {per_cent(average, 1)}"
        alt += "."
    return Picture(
        alt=alt,
        table=Table(("figure", "value"), tuple(rows)),
        specification=lambda width: _draw(probability, average, width),
    )


def _draw(probability: float | None, average: float | None, width: int) -> Specification:
    if probability is None:
        return empty("No score.", width=width, height=44)
    frame = Frame(
        x=Axis(
            domain=(0, 1),
            ticks=(0, 0.25, 0.5, 0.75, 1),
            label="format(datum.value * 100, '.0f') + ' %'",
            grid=False,
        ),
        y=Axis(domain=(0, 1)),
        width=width,
        height=34,
        left=6,
        right=6,
    )
    top = {"value": frame.height - 12}
    bar = {"type": "rect", "cornerRadius": 3}
    layers: list[Layer] = [
        frame.layer(
            {**bar, "color": color},
            [{"x": 0, "end": end}],
            x="x",
            x2="end",
            y=top,
            y2={"value": frame.height},
        )
        for color, end in ((DATA_1_SOFT, 1.0), (DATA_1, probability))
    ]
    if average is not None:
        dashed = {"type": "rule", "color": INK, "strokeWidth": 1, "strokeDash": [2, 2]}
        words = f"average {per_cent(average, 1)}"
        half = text_width(words) / 2
        at = min(max(average * frame.plot_width, half), frame.plot_width - half)
        layers += [
            frame.layer(dashed, [{"x": average}], x="x", y_px=14, y2={"value": frame.height}),
            frame.words(words, x=at, y=5, align="center", color=SECONDARY, fontSize=SMALL),
        ]
    return frame.specification(layers)

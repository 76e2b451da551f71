"""Which features drift, and since when? A cell for each feature and day."""

from collections.abc import Sequence

from api.pictures.frame import NARROW, Axis, Frame, Layer, empty
from api.pictures.lines import DAY_US, day, time_axis
from api.pictures.picture import Picture, Table
from api.pictures.style import DATA_1, DATA_2, NOTE, Specification, shortened, text_width

_ROW = 24


def heat(
    features: Sequence[str],
    days_us: Sequence[int],
    values: Sequence[Sequence[float | None]],
    *,
    limit: float,
    noun: str = "drift",
) -> Picture:
    """Values of features (rows) on days (columns), from 0 up; those above `limit` in orange.

    `days_us` are the starts of days in UTC microseconds, ascending. None is a day without a value.
    """
    cells = [
        (feature, at, value)
        for feature, row in zip(features, values, strict=True)
        for at, value in zip(days_us, row, strict=True)
        if value is not None
    ]
    rows = tuple(
        (feature, *("" if value is None else f"{value:.3f}" for value in row))
        for feature, row in zip(features, values, strict=True)
        if cells
    )
    alt = f"No {noun} was measured yet."
    if cells:
        far = max(cells, key=lambda cell: cell[2])
        above = len({feature for feature, _, value in cells if value > limit})
        alt = (
            f"{noun.capitalize()} of {len(features)} features over {len(days_us)} days; {above} lie "
            f"above {limit:g}; the highest is {far[2]:.3f}, of {far[0]} on {day(far[1])}."
        )
    return Picture(
        alt=alt,
        table=Table(("feature", *map(day, days_us)), rows),
        specification=lambda width: _draw(features, cells, limit, noun, width),
    )


def _draw(
    features: Sequence[str],
    cells: Sequence[tuple[str, int, float]],
    limit: float,
    noun: str,
    width: int,
) -> Specification:
    if not cells:
        return empty(f"No {noun} was measured yet.", width=width)
    longest = max(text_width(name, NOTE) for name in features) + 14
    left = min(longest, width * 0.42)
    first, last = min(at for _, at, _ in cells), max(at for _, at, _ in cells) + DAY_US
    height = _ROW * len(features)
    frame = Frame(
        x=time_axis(first // 1000, last // 1000, about=3 if width < NARROW else 6),
        y=Axis(domain=(height, 0)),  # in pixels, from the top
        width=width,
        height=height,
        left=round(left),
        legend=[f"up to {limit:g}", f"above {limit:g}"],
    )
    row_of = {name: row for row, name in enumerate(features)}
    gap = 1 / frame.plot_width * (last - first) / 1000
    layers: list[Layer] = []
    for above, color in ((False, DATA_1), (True, DATA_2)):
        marks = [
            {
                "x": at / 1000 + gap,
                "end": (at + DAY_US) / 1000 - gap,
                "y": _ROW * row_of[name] + 2,
                "bottom": _ROW * (row_of[name] + 1) - 2,
                "strength": 1 if above else 0.12 + 0.68 * max(0.0, value) / limit,
            }
            for name, at, value in cells
            if (value > limit) is above
        ]
        strength = {"field": "strength", "type": "quantitative", "scale": None, "legend": None}
        cell = {"type": "rect", "color": color, "cornerRadius": 2}
        layers.append(
            frame.layer(cell, marks, x="x", x2="end", y="y", y2="bottom", opacity=strength)
        )
    for name, row in row_of.items():
        said = shortened(name, left - 10, NOTE)
        layers.append(frame.words(said, x=1 - frame.left, y=_ROW * (row + 0.5), fontSize=NOTE))
    return frame.specification(layers)

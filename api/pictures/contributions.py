"""What speaks for buying, and what against: a bar to the right or to the left for each feature."""

from collections.abc import Sequence

from api.pictures.frame import Axis, Frame, Layer, empty
from api.pictures.picture import Picture, Table, signed
from api.pictures.style import DATA_1, DATA_2, LINE, NOTE, Specification, shortened, text_width


def contributions(items: Sequence[tuple[str, float]], *, noun: str = "contribution") -> Picture:
    """Features in the given order, with what each adds to or takes from the score, in log odds."""
    rows = tuple((name, signed(value)) for name, value in items)
    alt = f"No {noun}s to show."
    if items:
        far = max(items, key=lambda each: abs(each[1]))
        alt = f"{len(items)} {noun}s; the largest is {far[0]} with {signed(far[1])}."
    return Picture(
        alt=alt,
        table=Table(("feature", noun), rows),
        specification=lambda width: _draw(items, width, noun),
    )


def _draw(items: Sequence[tuple[str, float]], width: int, noun: str) -> Specification:
    if not items:
        return empty(f"No {noun}s to show.", width=width, height=80)
    longest = max(text_width(name, NOTE) for name, _ in items) + 12
    above = longest > width * 0.5  # a long name stands above its bar
    row, bar_at = (46, 34) if above else (28, 14)
    most, least = (pick(0.0, *(value for _, value in items), 0.0) for pick in (max, min))
    span = (most - least) or 1.0
    height = row * len(items)
    frame = Frame(
        x=Axis(domain=(least - span * 0.02, most + span * 0.02)),
        y=Axis(domain=(height, 0)),  # in pixels, from the top
        width=width,
        height=height,
        left=1 if above else round(longest),
        right=58,
    )
    values = [
        {
            "x": value,
            "zero": 0,
            "top": row * place + bar_at - 5,
            "bottom": row * place + bar_at + 5,
            "middle": row * place + bar_at,
            "name_at": row * place + 14,
            "name": shortened(name, width - 4 if above else longest, NOTE),
            "said": signed(value),
        }
        for place, (name, value) in enumerate(items)
    ]
    zero = {"type": "rule", "color": LINE}
    name = {"type": "text", "align": "left"}
    said = {"type": "text", "align": "right"}
    layers: list[Layer] = [
        frame.layer(zero, values, x="zero", y="top", y2="bottom"),
        frame.layer(name, values, y="name_at", x_px=1 - frame.left, text="name"),
        frame.layer(said, values, y="middle", x_px=frame.plot_width + frame.right - 2, text="said"),
    ]
    for color, side in ((DATA_1, 1), (DATA_2, -1)):
        bar = {"type": "rect", "color": color, "cornerRadius": 2}
        own = [each for each, (_, value) in zip(values, items, strict=True) if value * side > 0]
        layers.append(frame.layer(bar, own, x="x", x2="zero", y="top", y2="bottom"))
    return frame.specification(layers)

"""Who answers whom? The shares of traffic as one bar."""

from collections.abc import Sequence

from api.pictures.frame import Axis, Frame, empty
from api.pictures.picture import Picture, Table, listed, per_cent
from api.pictures.style import Specification, color_of

_GAP = 2


def shares(parts: Sequence[tuple[str, float]], *, noun: str = "customers") -> Picture:
    """Names with their shares of the whole, from 0 to 1: the first in blue, the second in orange."""
    whole = sum(share for _, share in parts)
    known = [(name, share / whole) for name, share in parts] if whole > 0 else []
    rows = tuple((name, _percent(share)) for name, share in known)
    alt = f"Nobody answers {noun} yet."
    if known:
        said = listed([f"{name} has {_percent(share)}" for name, share in known])
        alt = f"Shares of {noun}: {said}."
    return Picture(
        alt=alt,
        table=Table(("name", f"share of {noun}"), rows),
        specification=lambda width: _draw(known, noun, width),
    )


def _percent(share: float) -> str:
    """Of a small share two digits, so that it does not read as nothing."""
    return per_cent(share, 0 if share in {0.0, 1.0} or share * 100 == round(share * 100) else 2)


def _draw(parts: Sequence[tuple[str, float]], noun: str, width: int) -> Specification:
    if not parts:
        return empty(f"Nobody answers {noun} yet.", width=width, height=40)
    frame = Frame(
        x=Axis(domain=(0, 1)),
        y=Axis(domain=(0, 1)),
        width=width,
        height=14,
        legend=[f"{name}, {_percent(share)}" for name, share in parts],
        left=1,
        right=1,
    )
    layers = []
    start = 0.0
    for place, (_, share) in enumerate(parts):
        left = start * frame.plot_width
        right = max(left + _GAP, (start + share) * frame.plot_width - _GAP)
        bar = {"type": "rect", "color": color_of(place), "cornerRadius": 3}
        layers.append(
            frame.layer(bar, [{}], x_px=left, x2={"value": right}, y_px=0, y2={"value": 14})
        )
        start += share
    return frame.specification(layers)

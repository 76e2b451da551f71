"""How likely people are: a histogram of probabilities, with the chosen ones in full colour."""

from collections.abc import Mapping, Sequence

from api.pictures.frame import NARROW, Axis, Frame, empty, nice_ticks
from api.pictures.picture import Picture, Table, per_cent
from api.pictures.style import DATA_1, DATA_1_SOFT, Specification, text_width

BUCKETS = 20
"""Into how many equal parts of 0 to 1 a page sorts people."""
_PERCENT = "format(datum.value * 100, '.0f') + ' %'"


def buckets_of(probabilities: Sequence[float], *, count: int = BUCKETS) -> list[int]:
    """How many probabilities fall into each of `count` equal parts of 0 to 1."""
    found = [0] * count
    for each in probabilities:
        found[min(count - 1, max(0, int(each * count)))] += 1
    return found


def distribution(
    counts: Sequence[int], *, chosen: tuple[float, float] = (0.0, 1.0), noun: str = "people"
) -> Picture:
    """People by their probability, those from `chosen[0]` to `chosen[1]` in full colour.

    `counts` are of equal parts of 0 to 1. An end within a part divides its bar.
    """
    low, high = chosen
    edges = [place / len(counts) for place in range(len(counts) + 1)] if counts else []
    total = sum(counts)
    if not total:
        alt = f"No {noun} to show."
    else:
        peak = max(range(len(counts)), key=counts.__getitem__)
        alt = (
            f"Histogram of {total:,} {noun} by probability; most, {counts[peak]:,}, are between "
            f"{per_cent(edges[peak])} and {per_cent(edges[peak + 1])}. "
            f"Chosen: {per_cent(low)} to {per_cent(high)}."
        )
    rows = tuple(
        (f"{per_cent(edges[place])} to {per_cent(edges[place + 1])}", f"{count:,}")
        for place, count in enumerate(counts)
    )
    return Picture(
        alt=alt,
        table=Table(("probability", noun), rows),
        specification=lambda width: _draw(counts, edges, (low, high), width, noun),
    )


def _draw(
    counts: Sequence[int],
    edges: Sequence[float],
    chosen: tuple[float, float],
    width: int,
    noun: str,
) -> Specification:
    if not sum(counts):
        return empty(f"No {noun} to show.", width=width)
    top = max(counts)
    ticks = [tick for tick in nice_ticks(0, top, about=4) if tick == int(tick)] or [0.0, float(top)]
    frame = Frame(
        x=Axis(domain=(0, 1), ticks=[0, 0.2, 0.4, 0.6, 0.8, 1], label=_PERCENT, grid=False),
        y=Axis(domain=(0, top * 1.02), title=noun, ticks=ticks, label="format(datum.value, ',d')"),
        width=width,
        height=150 if width < NARROW else 190,
        left=round(14 + text_width(f"{top:,}")),
    )
    inset = (1.5 if width >= NARROW else 1) / frame.plot_width
    bar = {"type": "rect", "cornerRadiusTopLeft": 2, "cornerRadiusTopRight": 2}
    soft = _bars(counts, edges, [(0.0, chosen[0]), (chosen[1], 1.0)], inset)
    full = _bars(counts, edges, [chosen], inset)
    return frame.specification(
        [
            frame.layer(
                {**bar, "color": color}, values, x="from", x2="to", y="count", y2_px=frame.height
            )
            for values, color in ((soft, DATA_1_SOFT), (full, DATA_1))
            if values
        ]
    )


def _bars(
    counts: Sequence[int],
    edges: Sequence[float],
    spans: Sequence[tuple[float, float]],
    inset: float,
) -> list[Mapping[str, object]]:
    """The parts of bars that lie within the spans."""
    found: list[Mapping[str, object]] = []
    for place, count in enumerate(counts):
        for low, high in spans:
            start = max(low, edges[place] + inset)
            end = min(high, edges[place + 1] - inset)
            if count and end - start > 1e-9:  # noqa: PLR2004  # what floats lose
                found.append({"from": start, "to": end, "count": count})
    return found

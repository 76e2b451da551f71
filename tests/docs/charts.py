"""The charts of the documentation, of invented figures, drawn as the product draws its own."""

import math
from collections.abc import Mapping
from pathlib import Path

from adapters.pictures import VegaDrawings
from api.pictures import (
    Bin,
    Effect,
    Gain,
    Look,
    Picture,
    Reliability,
    Step,
    distribution,
    file_svg,
    gain,
    interval,
    reliability,
    sequence,
    uplift,
)
from tests.docs.pages import DOCS

WIDTH = 560
FOLDER = DOCS / "how-to" / "pictures"
_FIRST_DAY = 1_772_323_200_000_000
"""1 March 2026, 00:00 UTC."""
_DAY = 86_400_000_000
_PREDICTED = (0.05, 0.15, 0.26, 0.38, 0.5, 0.64, 0.77, 0.88, 0.96)
_PEOPLE = (910, 640, 450, 330, 260, 240, 250, 280, 300)
_COUNTS = (
    *(1530, 1120, 820, 600, 450, 330, 250, 190, 150, 130),
    *(140, 180, 240, 290, 310, 280, 210, 140, 90, 55),
)


def pictures() -> Mapping[str, Picture]:
    """Each chart by the name of its file."""
    return {
        "distribution": distribution(_COUNTS, chosen=(0.45, 1.0)),
        "reliability": reliability(
            [_reliability("version 8", 0.0), _reliability("version 7", 0.09)]
        ),
        "gain": gain([_gain("version 8", 0.38), _gain("version 7", 0.62)]),
        "result": interval(
            [
                Effect("bought in jewellery", 1.84, 0.42, 3.27),
                Effect("bought anything", 0.61, -0.95, 2.16),
            ],
            unit="points",
        ),
        "uplift": uplift([_step(tenth) for tenth in range(1, 11)]),
        "looks": sequence([_look(day) for day in range(1, 31)], unit="points"),
    }


def _reliability(name: str, above: float) -> Reliability:
    observed = [p + above * math.sin(p * math.pi) - 0.02 * math.sin(p * 9) for p in _PREDICTED]
    return Reliability(
        name, [Bin(*each) for each in zip(_PEOPLE, _PREDICTED, observed, strict=True)]
    )


def _gain(name: str, bend: float) -> Gain:
    return Gain(name, [(place / 50, (place / 50) ** bend) for place in range(51)])


def _step(tenth: int) -> Step:
    found = 0.003 + 0.021 * math.exp(-(((tenth - 4) / 1.8) ** 2))
    return Step(f"tenth {tenth}", 800, found, found - 0.012, found + 0.012)


def _look(day: int) -> Look:
    found, half = 1.8 + 1.6 * math.sin(day) / day, 7 / math.sqrt(day + 1)
    return Look(_FIRST_DAY + day * _DAY, found, found - half, found + half)


def charts() -> Mapping[Path, str]:
    """The files as they must be."""
    drawings = VegaDrawings()
    try:
        return {
            FOLDER / f"{name}.svg": file_svg(drawings, picture, WIDTH)
            for name, picture in pictures().items()
        }
    finally:
        drawings.close()

"""The page of one model as it is shown, also where an act on it was refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from litestar import Response

from api.console.documents.comparing import Curves
from api.console.documents.model import model_page
from api.console.kept import Kept
from api.console.pictures import Drawn, drawn
from api.console.rendering import AnyRequest, html, page, rendered
from api.pictures import Bin, Draws, Gain, Reliability, Roc, gain, reliability, roc
from model_registry.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An act that was not done, why, and what was typed."""

    act: str
    status: int
    detail: str
    typed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """What a page of a model is made by, and which versions of it are looked at."""

    request: AnyRequest
    registry: Registry
    kept: Kept
    name: str
    version: int | None = None
    beside: int | None = None


def model_view(looking: Looking, *, refused: Refused | None = None) -> Response[bytes]:
    """The page; pictures stand in it once they were drawn, and come later the first time.

    Raises:
        UnknownModel, UnknownVersion: there is none.
        StoreUnavailable: the registry could not be read.
    """
    document = model_page(looking.registry, looking.name, looking.version, looking.beside)
    judged = any(each.bins for each in document.curves)
    pictures = looking.kept.known(_key(document.curves)) if judged else None
    more = {"pictures": pictures, "judged": judged, "refused": refused}
    if refused is None:
        return page(looking.request, "model.html", document, **more)
    text = rendered(looking.request, "model.html", page=document, **more)
    return html(text, status=HTTPStatus(refused.status))


def pictures_of(draws: Draws, kept: Kept, curves: Sequence[Curves]) -> Mapping[str, Drawn]:
    """The version that is looked at in blue, the other in orange; it blocks while they are drawn."""
    return kept.once(_key(curves), lambda: _drawn(draws, [each for each in curves if each.bins]))


def _key(curves: Sequence[Curves]) -> tuple[str, bytes]:
    return "curves", msgspec.json.encode(curves)


def _drawn(draws: Draws, judged: Sequence[Curves]) -> Mapping[str, Drawn]:
    named = [(f"version {each.version}", each) for each in judged]
    words = [
        Reliability(name, [Bin(b.rows, b.predicted, b.bought, (b.low, b.high)) for b in each.bins])
        for name, each in named
    ]
    areas = [Roc(name, each.roc, each.auc) for name, each in named if each.auc is not None]
    return {
        "words": drawn(draws, reliability(words)),
        "found": drawn(draws, gain([Gain(name, each.gain) for name, each in named])),
        "roc": drawn(draws, roc(areas)),
    }

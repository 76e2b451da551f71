"""Models: their versions side by side, whether one would pass the gates, and what changed."""

import asyncio
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, SkipValidation

from api.console.documents.comparing import compared, curves_of
from api.console.documents.findings import findings
from api.console.documents.models import models_page
from api.console.kept import Kept
from api.console.model_view import Looking, model_view, pictures_of
from api.console.preview import PreviewChange
from api.console.rendering import AnyRequest, page, piece
from api.console.signing_in import seen_with
from api.http.parameters import decoded
from api.http.services import Readiness
from api.pictures import Draws
from api.pictures.versions import JudgedVersion
from api.report import model_report
from domain.errors import NotFound
from domain.keys import Scope
from model_registry.evaluation import compare, held_out_of
from model_registry.registry import Registry
from model_registry.serving import load_aside
from model_registry.versions import Manifest

_READ: dict[str, Any] = {"sync_to_thread": True, **seen_with(Scope.MODELS_READ)}
PREVIEW_FOR_S = 300.0
Keeps = NamedDependency[SkipValidation[Kept]]


@get("/models", **_READ)
def models(request: AnyRequest, registry: NamedDependency[Registry]) -> Response[bytes]:
    """Every model with its versions."""
    return page(request, "models.html", models_page(registry))


@get("/models/{name:str}", **_READ)
def model(
    request: AnyRequest,
    name: FromPath[str],
    registry: NamedDependency[Registry],
    console_kept: Keeps,
    version: FromQuery[int | None] = None,
    beside: FromQuery[int | None] = None,
) -> Response[bytes]:
    """One model: two of its versions side by side, what would happen, and what did."""
    return model_view(
        Looking(
            request=request,
            registry=registry,
            kept=console_kept,
            name=decoded(name, "name"),
            version=version,
            beside=beside,
        )
    )


@get("/models/{name:str}/pictures", **_READ)
def model_pictures(
    request: AnyRequest,
    name: FromPath[str],
    registry: NamedDependency[Registry],
    console_draws: NamedDependency[SkipValidation[Draws]],
    console_kept: Keeps,
    version: FromQuery[int],
    beside: FromQuery[int | None] = None,
) -> Response[bytes]:
    """How true two versions were, and whom they found."""
    name = decoded(name, "name")
    document = curves_of(registry, name, [version] if beside is None else [version, beside])
    pictures = pictures_of(console_draws, console_kept, document.versions)
    title = f"Version {version} of {name}"
    return piece(
        request, "model_pictures.html", document, title=title, pictures=pictures, cards=True
    )


@get("/models/{name:str}/versions/{version:int}/findings", **_READ)
def version_findings(
    request: AnyRequest,
    name: FromPath[str],
    version: FromPath[int],
    registry: NamedDependency[Registry],
) -> Response[bytes]:
    """What the gates of a promotion see of a version now."""
    name = decoded(name, "name")
    title = f"Would version {version} of {name} pass?"
    return piece(request, "findings.html", findings(registry, name, version), title=title)


@get("/models/{name:str}/compared/{version:int}/{beside:int}", **_READ)
def versions_compared(
    request: AnyRequest,
    name: FromPath[str],
    version: FromPath[int],
    beside: FromPath[int],
    registry: NamedDependency[Registry],
    console_kept: Keeps,
) -> Response[bytes]:
    """The metrics of two versions with their differences."""
    name = decoded(name, "name")
    ours, theirs = registry.version(name, version), registry.version(name, beside)
    document = console_kept.once(
        ("compared", ours.sha256, theirs.sha256), lambda: compared(registry, ours, theirs)
    )
    title = f"Version {version} of {name} beside version {beside}"
    return piece(request, "compared.html", document, title=title, cards=True)


@get("/models/{name:str}/versions/{version:int}/preview", **seen_with(Scope.MODELS_READ))
async def version_preview(
    request: AnyRequest,
    name: FromPath[str],
    version: FromPath[int],
    registry: NamedDependency[Registry],
    readiness: NamedDependency[SkipValidation[Readiness]],
    console_kept: Keeps,
    console_preview: NamedDependency[SkipValidation[PreviewChange]],
) -> Response[bytes]:
    """How many decisions would change if a version answered everyone."""
    name = decoded(name, "name")
    if name not in readiness.traffic:
        raise NotFound(f"model {name!r} does not serve here, so nobody knows what would change")
    champion = readiness.traffic[name]().champion
    key = ("preview", name, version, champion.version)
    found = console_kept.fresh(key, PREVIEW_FOR_S)
    if found is None:
        candidate = await asyncio.to_thread(load_aside, registry, name, version)
        found = console_kept.keep(key, await console_preview(champion, candidate))
    title = f"If version {version} of {name} answered everyone"
    return piece(request, "preview.html", found.value, title=title)


@get("/models/{name:str}/versions/{version:int}/report", **_READ)
def version_report(
    name: FromPath[str],
    version: FromPath[int],
    registry: NamedDependency[Registry],
    console_draws: NamedDependency[SkipValidation[Draws]],
    console_kept: Keeps,
    beside: FromQuery[int | None] = None,
) -> Response[bytes]:
    """The report of a version as one file, which works offline and may be sent by mail."""
    name = decoded(name, "name")
    ours = registry.version(name, version)
    theirs = None if beside is None else registry.version(name, beside)

    def make() -> str:
        other = None if theirs is None else _with_held_out(registry, theirs)
        comparison = None if theirs is None else compare(theirs, ours, registry.blob)
        shown = _with_held_out(registry, ours)
        return model_report(shown, console_draws, beside=other, comparison=comparison)

    key = ("report", ours.sha256, None if theirs is None else theirs.sha256)
    return Response(
        console_kept.once(key, make).encode(),
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{ours.name}-{ours.version}.html"',
            "Content-Security-Policy": "sandbox",
        },
    )


MODEL_ROUTES = (
    models,
    model,
    model_pictures,
    version_findings,
    versions_compared,
    version_preview,
    version_report,
)


def _with_held_out(registry: Registry, manifest: Manifest) -> JudgedVersion:
    return JudgedVersion(manifest, held_out_of(manifest, registry.blob))

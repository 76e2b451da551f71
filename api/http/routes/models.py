"""Versions of models, and which of them answer."""

import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, SkipValidation

from api.documents.models import (
    MOST,
    ModelStatus,
    Promotion,
    RevisionReport,
    Revisions,
    Rollback,
    ShadowsWanted,
    SplitWanted,
    VersionReport,
    Versions,
    status_of_model,
    summaries,
)
from api.http.access import asks, who_of
from api.http.openapi import problems
from api.http.parameters import check_names, decoded
from api.http.problems import AnyRequest, ProblemRaised, problem
from api.http.services import Managing
from domain.audit import Act, Target
from domain.keys import Scope
from model_registry.errors import GateFailed, RevisionConflict
from model_registry.registry import Registry
from model_registry.revisions import Revision
from model_registry.serving import Presence

MAX_BODY_BYTES = 20_000
_READ: dict[str, Any] = asks(Scope.MODELS_READ) | {
    "tags": ["models"],
    "sync_to_thread": True,
    "responses": problems(
        HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE
    ),
}
_CHANGE: dict[str, Any] = (
    _READ
    | asks(Scope.MODELS_MANAGE)
    | {
        "status_code": HTTPStatus.OK,
        "request_max_body_size": MAX_BODY_BYTES,
        "response_description": "The new revision; its number is the ETag.",
        "responses": problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.PRECONDITION_FAILED,
            HTTPStatus.PRECONDITION_REQUIRED,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    }
)
_log = logging.getLogger(__name__)
_ETAG = re.compile(r'"(\d{1,9})"', re.ASCII)

Name = Annotated[
    str,
    PathParameter(
        description="The model's name.", schema_extra={"pattern": r"^[a-z0-9][a-z0-9-]{0,62}$"}
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        required=False,
        description='The current revision as in the ETag, such as "12", "0" before the first; or '
        "*, whatever is current.",
    ),
]


@get(
    "/v1/models",
    operation_id="listModels",
    summary="Every version of every model",
    response_description="Versions with their held-out metrics, and as what each serves.",
    **_READ,
)
def list_models(request: AnyRequest, registry: NamedDependency[Registry]) -> Versions:
    """Every version of every model."""
    check_names(request.query_params, ())
    return Versions(versions=summaries(registry, registry.models()))


@get(
    "/v1/models/{name:str}/versions/{version:int}",
    operation_id="showVersion",
    summary="One version",
    response_description="Its features, metrics, calibration, and how it was trained.",
    **_READ,
)
def show_version(
    name: Name,
    version: Annotated[int, PathParameter(description="The version's number.", ge=1, le=MOST)],
    request: AnyRequest,
    registry: NamedDependency[Registry],
) -> VersionReport:
    """One version."""
    check_names(request.query_params, ())
    return VersionReport.of(registry.version(decoded(name, "name"), version))


@get(
    "/v1/models/{name:str}/revisions",
    operation_id="listRevisions",
    summary="Who changed what, when and why",
    description="The whole log is checked on the way. The current revision's number is the ETag.",
    response_description="Every revision, newest last.",
    **_READ,
)
def list_revisions(
    name: Name, request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[Revisions]:
    """Every revision of a model."""
    check_names(request.query_params, ())
    history = registry.history(decoded(name, "name"))
    revisions = Revisions(revisions=[RevisionReport.of(revision) for revision in history])
    return Response(revisions, headers=_etag(history[-1].number if history else 0))


@get(
    "/v1/models/{name:str}/status",
    operation_id="getModelStatus",
    summary="Which processes serve which revision",
    response_description="Every live process.",
    **_READ,
)
def model_status(
    name: Name,
    request: AnyRequest,
    registry: NamedDependency[Registry],
    presence: NamedDependency[Presence],
) -> ModelStatus:
    """What every live process serves."""
    check_names(request.query_params, ())
    return status_of_model(registry, presence, decoded(name, "name"))


@post(
    "/v1/models/{name:str}/promote",
    operation_id="promoteVersion",
    summary="Make a version the champion, if it passes every gate",
    **_CHANGE,
)
def promote(
    name: Name,
    data: JSONBody[Promotion],
    request: AnyRequest,
    managing: NamedDependency[SkipValidation[Managing]],
    if_match: IfMatch = None,
) -> Response[RevisionReport]:
    """The revision with the new champion."""
    with managing.audit.act(who_of(request), Act.PROMOTE, Target.MODEL, f"{name}@{data.version}"):
        return _changed(
            request,
            if_match,
            lambda expected: managing.registry.promote(
                decoded(name, "name"),
                data.version,
                actor=request.auth.actor,
                reason=data.reason,
                expected_revision=expected,
                force=data.force,
            ),
        )


@post(
    "/v1/models/{name:str}/rollback",
    operation_id="rollBack",
    summary="Go back to an earlier state; the way back is a new revision",
    **_CHANGE,
)
def rollback(
    name: Name,
    data: JSONBody[Rollback],
    request: AnyRequest,
    managing: NamedDependency[SkipValidation[Managing]],
    if_match: IfMatch = None,
) -> Response[RevisionReport]:
    """The revision with the earlier state."""
    with managing.audit.act(who_of(request), Act.ROLLBACK, Target.MODEL, name):
        return _changed(
            request,
            if_match,
            lambda expected: managing.registry.rollback(
                decoded(name, "name"),
                actor=request.auth.actor,
                reason=data.reason,
                to_revision=data.to_revision,
                expected_revision=expected,
            ),
        )


@post(
    "/v1/models/{name:str}/split",
    operation_id="splitTraffic",
    summary="Let a challenger answer a share of the customers",
    description="The same customers in every way of asking; a share that grows only adds some.",
    **_CHANGE,
)
def split(
    name: Name,
    data: JSONBody[SplitWanted],
    request: AnyRequest,
    managing: NamedDependency[SkipValidation[Managing]],
    if_match: IfMatch = None,
) -> Response[RevisionReport]:
    """The revision with the split."""
    with managing.audit.act(who_of(request), Act.SPLIT, Target.MODEL, f"{name}@{data.version}"):
        return _changed(
            request,
            if_match,
            lambda expected: managing.registry.split(
                decoded(name, "name"),
                data.version,
                basis_points=data.basis_points,
                actor=request.auth.actor,
                reason=data.reason,
                expected_revision=expected,
                force=data.force,
            ),
        )


@post(
    "/v1/models/{name:str}/shadow",
    operation_id="shadowVersions",
    summary="Let versions score every prediction without answering anybody",
    description="Exactly these versions from now on; none ends it. Findings are in the status.",
    **_CHANGE,
)
def shadow(
    name: Name,
    data: JSONBody[ShadowsWanted],
    request: AnyRequest,
    managing: NamedDependency[SkipValidation[Managing]],
    if_match: IfMatch = None,
) -> Response[RevisionReport]:
    """The revision with the shadows."""
    with managing.audit.act(who_of(request), Act.SHADOW, Target.MODEL, name):
        return _changed(
            request,
            if_match,
            lambda expected: managing.registry.shadow(
                decoded(name, "name"),
                data.versions,
                actor=request.auth.actor,
                reason=data.reason,
                expected_revision=expected,
            ),
        )


MODEL_ROUTES = [
    list_models,
    show_version,
    list_revisions,
    model_status,
    promote,
    rollback,
    split,
    shadow,
]


def _changed(
    request: AnyRequest, if_match: str | None, change: Callable[[int | None], Revision]
) -> Response[RevisionReport]:
    check_names(request.query_params, ())
    expected = _expected(if_match)
    try:
        revision = change(expected)
    except RevisionConflict as exc:
        if expected is None:
            raise
        raise ProblemRaised(
            problem(HTTPStatus.PRECONDITION_FAILED, "revision-conflict", str(exc))
        ) from exc
    except GateFailed as exc:
        model = str(request.path_params["name"])
        _log.warning("gate_refused", extra={"model": model, "gate": exc.gate, "reason": exc.reason})
        raise
    return Response(RevisionReport.of(revision), headers=_etag(revision.number))


def _expected(if_match: str | None) -> int | None:
    """The revision that must be current; None: whichever. Source: RFC 9110, 13.1.1; RFC 6585."""
    if if_match == "*":
        return None
    found = _ETAG.fullmatch(if_match or "")
    if found is None:
        raise ProblemRaised(
            problem(
                HTTPStatus.PRECONDITION_REQUIRED,
                "precondition-required",
                "send If-Match with the ETag of the revisions you looked at, or * for whatever is "
                "current",
            )
        )
    return int(found[1])


def _etag(revision: int) -> dict[str, str]:
    return {"ETag": f'"{revision}"'}

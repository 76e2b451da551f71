"""Every error as an RFC 9457 problem; the only place that knows HTTP status codes of errors."""

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, UnsetType

from api.documents.problem import FieldError, Problem
from api.documents.purchases import PurchaseReport, encodable
from api.http.access import TooManyRequests
from api.http.head import allowed
from api.http.observing import NO_ROUTE
from api.http.openapi import PROBLEM_JSON
from api.process.logs import origin
from domain.errors import (
    Busy,
    Conflict,
    CorruptRecord,
    Forbidden,
    NotFound,
    PartlyRecorded,
    PropensityError,
    Rejected,
    Unauthenticated,
    Unavailable,
)
from domain.purchases import PurchaseOutcome

AnyRequest: TypeAlias = Request[Any, Any, Any]

STATUS_OF: dict[type[PropensityError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Rejected: HTTPStatus.BAD_REQUEST,
    Conflict: HTTPStatus.CONFLICT,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    CorruptRecord: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER_S = 1

_DETAIL_OF = {
    HTTPStatus.NOT_FOUND: "nothing is served at this path",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path has no such method; the Allow header lists them",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is too large; send fewer purchases per call",
}
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="propensity"'}
_NOT_ENOUGH = {"WWW-Authenticate": 'Bearer realm="propensity", error="insufficient_scope"'}
"""Source: RFC 6750, section 3.1."""
TOO_LARGE = "content-too-large"
_SLUG_OF = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TOO_LARGE}
"""Where Python's phrase depends on its version."""
_INTERNAL = "this is our fault and was logged; the same call will most likely fail again"
_DISCONNECTED = "client disconnected prematurely"
"""How Litestar says that the rest of a body never came; it has no exception of its own for it."""
_log = logging.getLogger(__name__)


class ProblemRaised(Exception):
    """Carries a finished problem out of a handler that answers something else."""

    def __init__(self, response: Response[Problem]) -> None:
        super().__init__()
        self.response = response


def problem(  # noqa: PLR0913  # the members of a problem
    status: HTTPStatus,
    slug: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[FieldError] | UnsetType = UNSET,
    outcomes: list[PurchaseReport | None] | UnsetType = UNSET,
    checks: dict[str, str] | UnsetType = UNSET,
) -> Response[Problem]:
    """A problem response; every 503 says when to try again."""
    retry = {"Retry-After": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(
        Problem(
            type=f"urn:propensity:problem:{slug}",
            title=status.phrase,
            status=status,
            detail=detail,
            errors=errors,
            outcomes=outcomes,
            checks=checks,
        ),
        status_code=status,
        media_type=PROBLEM_JSON,
        headers={**retry, **(headers or {})},
    )


def status_of(error: type[PropensityError]) -> HTTPStatus:
    """The status of the nearest branch of the error tree."""
    known = (STATUS_OF[base] for base in error.__mro__ if base in STATUS_OF)
    return next(known, HTTPStatus.INTERNAL_SERVER_ERROR)


def slug_of(error: type[PropensityError]) -> str:
    """The problem's name in its URN: NoLiveModel is no-live-model."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def domain_problem(request: AnyRequest, exc: PropensityError) -> Response[Problem]:
    """The problem of an error raised on purpose."""
    status, slug = status_of(type(exc)), slug_of(type(exc))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request_failed", extra={**_of(request), "problem": slug, "reason": str(exc)})
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem(status, slug, _INTERNAL)
    if isinstance(exc, Rejected):
        field, reason = encodable(exc.field) or "", encodable(exc.reason) or ""
        errors = [FieldError(field=field, reason=reason)]
        return problem(status, slug, f"{field} {reason}", errors=errors)
    if isinstance(exc, PartlyRecorded):
        return problem(status, slug, str(exc), outcomes=_reports(exc.outcomes))
    return problem(status, slug, str(exc), headers=_headers_of(exc))


def _headers_of(exc: PropensityError) -> Mapping[str, str]:
    """What else tells who asks what to do."""
    if isinstance(exc, Unauthenticated):
        return _CHALLENGE
    if isinstance(exc, Forbidden):
        return _NOT_ENOUGH
    if isinstance(exc, Busy):
        return {"Retry-After": str(exc.retry_after_s)}
    return exc.headers if isinstance(exc, TooManyRequests) else {}


def _reports(outcomes: Sequence[object | None]) -> list[PurchaseReport | None]:
    return [
        PurchaseReport.of(each) if isinstance(each, PurchaseOutcome) else None for each in outcomes
    ]


def http_problem(request: AnyRequest, exc: HTTPException) -> Response[Problem]:
    """The problem of what Litestar, or a handler through it, refuses."""
    status = HTTPStatus(exc.status_code)
    if exc.detail == _DISCONNECTED:
        _log.debug("client_disconnected", extra=_of(request))
        return problem(HTTPStatus.BAD_REQUEST, "client-disconnected", exc.detail)  # nobody reads it
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unexpected_problem(request, exc)
    slug = _SLUG_OF.get(status) or status.phrase.lower().replace(" ", "-")
    detail = exc.detail if exc.detail != status.phrase else ""
    return problem(
        status,
        slug,
        _DETAIL_OF.get(status) or detail or status.description,
        headers=allowed(exc.headers) if status == HTTPStatus.METHOD_NOT_ALLOWED else exc.headers,
        errors=_validation_errors(exc.extra) or UNSET,
    )


def unexpected_problem(request: AnyRequest, exc: Exception) -> Response[Problem]:
    """A problem that tells the caller nothing, and the log where it came from."""
    _log.error(
        "request_crashed",
        extra={**_of(request), "error": type(exc).__qualname__, "exception": origin(exc)},
    )
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", _INTERNAL)


def raised_problem(request: AnyRequest, exc: ProblemRaised) -> Response[Problem]:
    """The problem that a handler built itself."""
    content = exc.response.content
    _log.warning(
        "request_failed",
        extra={
            **_of(request),
            "problem": content.type.rpartition(":")[2],
            "reason": content.detail,
        },
    )
    return exc.response


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    PropensityError: domain_problem,
    HTTPException: http_problem,
    ProblemRaised: raised_problem,
    Exception: unexpected_problem,
}


def _of(request: AnyRequest) -> dict[str, str]:
    """The method and the route's template: the path itself holds customer ids."""
    return {"method": request.method, "route": str(request.scope.get("path_template") or NO_ROUTE)}


def _validation_errors(extra: object) -> list[FieldError]:
    entries = extra if isinstance(extra, list) else []
    return [
        FieldError(field=str(entry.get("key", "")), reason=str(entry.get("message", "")))
        for entry in entries
        if isinstance(entry, dict)
    ]

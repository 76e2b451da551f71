"""What went wrong, as a page: what happened, and what to do."""

from http import HTTPStatus
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.status_codes import HTTP_303_SEE_OTHER
from litestar.types import ExceptionHandlersMap

from api.console.rendering import HTML, AnyRequest, html, rendered
from api.console.signing_in import SESSION, SignIn, login_path, said_cookie, session_cookie
from api.documents.problem import Problem
from api.http.access import TooManyRequests
from api.http.negotiation import negotiated
from api.http.problems import (
    ProblemRaised,
    domain_problem,
    http_problem,
    raised_problem,
    unexpected_problem,
)
from domain.errors import PropensityError


def _shown(request: AnyRequest, problem: Response[Problem]) -> Response[Any]:
    """The problem as a page for a person, as itself for a program."""
    accept = [value for name, value in request.headers.multi_items() if name == "accept"]
    try:
        wants = negotiated(accept, [HTML, "application/problem+json", "application/json"])
    except HTTPException:  # what is wrong is told to whoever takes neither, too
        return problem
    if wants != HTML or request.query_params.get("format") == "json":
        return problem
    name = "problem_piece.html" if "hx-request" in request.headers else "problem.html"
    page = html(rendered(request, name, problem=problem.content), status=problem.content.status)
    page.headers.update(problem.headers)
    return page


def _propensity(request: AnyRequest, exc: PropensityError) -> Response[Any]:
    return _shown(request, domain_problem(request, exc))


def _http(request: AnyRequest, exc: HTTPException) -> Response[Any]:
    return _shown(request, http_problem(request, exc))


def _raised(request: AnyRequest, exc: ProblemRaised) -> Response[Any]:
    return _shown(request, raised_problem(request, exc))


def _unexpected(request: AnyRequest, exc: Exception) -> Response[Any]:
    return _shown(request, unexpected_problem(request, exc))


def _sign_in(request: AnyRequest, exc: SignIn) -> Response[Any]:
    """Leads to the page where one signs in; a program gets a 401."""
    if request.query_params.get("format") == "json":
        return http_problem(
            request,
            HTTPException(
                status_code=HTTPStatus.UNAUTHORIZED,
                detail="sign in at /console/login, or send a key: Authorization: Bearer KEY",
            ),
        )
    request.scope["state"].pop(SESSION, None)
    ended = [session_cookie(request, None)]
    said = [said_cookie(request, f"You were signed out: {exc.reason}.")] if exc.reason else []
    path = login_path(request)
    if "hx-request" in request.headers:
        return Response(b"", headers={"HX-Redirect": path}, cookies=[*ended, *said])
    return Redirect(path, status_code=HTTP_303_SEE_OTHER, cookies=[*ended, *said])


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    SignIn: _sign_in,
    TooManyRequests: _propensity,
    PropensityError: _propensity,
    HTTPException: _http,
    ProblemRaised: _raised,
    Exception: _unexpected,
}

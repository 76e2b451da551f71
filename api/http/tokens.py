"""Bearer tokens of requests that manage models."""

from http import HTTPStatus
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.http.problems import ProblemRaised, problem
from api.process import Scope, Tokens

SCOPE = "scope"
TOKENS = "tokens"


def actor_of(tokens: Tokens, authorization: str | None, scope: Scope) -> str:
    """Who sent this Authorization header, once the token allows `scope`.

    Raises:
        ProblemRaised: 401 without a known token, 403 where it, or nobody at all, is allowed.
    """
    if not tokens.tokens:
        raise ProblemRaised(
            problem(
                HTTPStatus.FORBIDDEN,
                "management-disabled",
                "no management token is configured; set PROPENSITY_MANAGEMENT_TOKENS",
            )
        )
    kind, _, secret = (authorization or "").partition(" ")
    token = tokens.held(secret.strip())
    if kind.lower() != "bearer" or token is None:
        raise ProblemRaised(
            problem(
                HTTPStatus.UNAUTHORIZED,
                "unauthorized",
                "send a management token: Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        )
    if token.scope not in {scope, Scope.MANAGE}:
        raise ProblemRaised(
            problem(
                HTTPStatus.FORBIDDEN,
                "scope-missing",
                f"this token allows {token.scope!s}, and {scope!s} is needed",
            )
        )
    return token.actor


def guarded(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: nothing of a request is read before its token; its actor is `request.auth`."""
    tokens: Tokens = connection.app.state[TOKENS]
    authorization = connection.headers.get("authorization")
    connection.scope["auth"] = actor_of(tokens, authorization, handler.opt[SCOPE])

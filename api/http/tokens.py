"""Who may manage models over HTTP: bearer tokens, each of one person or service and one scope."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.http.problems import ProblemRaised, problem

LEAST_SECRET = 32
"""Characters: 128 bits in hexadecimal."""
SCOPE = "scope"
TOKENS = "tokens"


class Scope(StrEnum):
    """What a token allows; `manage` allows reading too."""

    READ = "read"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: whose it is, what it allows, and the SHA-256 of its secret."""

    actor: str
    scope: Scope
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a deployment; without any, nobody manages models over HTTP."""

    tokens: Sequence[Token] = ()

    @classmethod
    def parse(cls, text: str) -> "Tokens":
        """The tokens in ACTOR:SCOPE:SECRET, several by commas.

        Raises:
            ValueError: one is none; secrets are not repeated in the message.
        """
        return cls(tuple(_token(part) for part in text.split(",")) if text else ())

    def actor_of(self, authorization: str | None, scope: Scope) -> str:
        """Who sent this Authorization header, once the token allows `scope`.

        Raises:
            ProblemRaised: 401 without a known token, 403 where it, or nobody at all, is allowed.
        """
        if not self.tokens:
            raise ProblemRaised(
                problem(
                    HTTPStatus.FORBIDDEN,
                    "management-disabled",
                    "no management token is configured; set PROPENSITY_MANAGEMENT_TOKENS",
                )
            )
        kind, _, secret = (authorization or "").partition(" ")
        given = hashlib.sha256(secret.strip().encode()).digest()
        known = [token for token in self.tokens if hmac.compare_digest(token.sha256, given)]
        if kind.lower() != "bearer" or not known:
            raise ProblemRaised(
                problem(
                    HTTPStatus.UNAUTHORIZED,
                    "unauthorized",
                    "send a management token: Authorization: Bearer TOKEN",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            )
        if known[0].scope not in {scope, Scope.MANAGE}:
            raise ProblemRaised(
                problem(
                    HTTPStatus.FORBIDDEN,
                    "scope-missing",
                    f"this token allows {known[0].scope!s}, and {scope!s} is needed",
                )
            )
        return known[0].actor


def guarded(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: nothing of a request is read before its token; its actor is `request.auth`."""
    tokens: Tokens = connection.app.state[TOKENS]
    authorization = connection.headers.get("authorization")
    connection.scope["auth"] = tokens.actor_of(authorization, handler.opt[SCOPE])


def _token(part: str) -> Token:
    actor, _, rest = part.strip().partition(":")
    scope, _, secret = rest.partition(":")
    if not actor or scope not in set(Scope) or len(secret) < LEAST_SECRET:
        raise ValueError(
            "must be ACTOR:SCOPE:SECRET, several by commas; the scope is read or manage, the "
            f"secret has {LEAST_SECRET} characters or more, such as of `openssl rand -hex 32`"
        )
    return Token(actor, Scope(scope), hashlib.sha256(secret.encode()).digest())

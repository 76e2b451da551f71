"""The guard of every route: it is public, or its caller has the scope it asks for."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import BaseRouteHandler

from api.http.access.caller import Access
from domain.keys import Scope

ACCESS = "access"
SCOPE = "scope"
PUBLIC: dict[str, Any] = {"opt": {SCOPE: None}, "security": [{}]}
"""Of a route that anybody may ask."""


def asks(scope: Scope) -> dict[str, Any]:
    """What a route needs to be asked with this scope only."""
    return {"opt": {SCOPE: scope}, "security": [{"bearer": []}, {"apiKey": []}]}


async def guarded(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Nothing of a request is read before its key; its caller is `request.auth`.

    It is async, since Litestar runs any other guard in a thread.
    """
    if SCOPE not in handler.opt:
        raise ImproperlyConfiguredException(
            f"{handler} says neither its scope nor that it is public"
        )
    scope: Scope | None = handler.opt[SCOPE]
    if scope is not None:
        access: Access = connection.app.state[ACCESS]
        client = connection.scope["client"]
        connection.scope["auth"] = access.caller(
            connection.headers, scope, address=client[0] if client else None
        )

"""What every route says: it is public, or its caller has the scope it asks for."""

from typing import Any

from litestar.enums import ScopeType
from litestar.exceptions import ImproperlyConfiguredException
from litestar.types import ASGIApp, Receive, Send
from litestar.types import Scope as ASGIScope

from api.http.access.caller import LOOKED_AT, Access
from domain.keys import Scope

ACCESS = "access"
SCOPE = "scope"
PUBLIC: dict[str, Any] = {"opt": {SCOPE: None}, "security": [{}]}
"""Of a route that anybody may ask."""


def asks(scope: Scope) -> dict[str, Any]:
    """What a route needs to be asked with this scope only."""
    return {"opt": {SCOPE: scope}, "security": [{"bearer": []}, {"apiKey": []}]}


def guarded(app: ASGIApp) -> ASGIApp:
    """A middleware: nothing of a request is read before its key; its caller is `request.auth`.

    Litestar's own guards would copy the route's handler for each request.
    """

    async def guard(scope: ASGIScope, receive: Receive, send: Send) -> None:
        handler = scope["route_handler"]
        if scope["type"] == ScopeType.HTTP and scope["method"] != "OPTIONS":
            if SCOPE not in handler.opt:
                raise ImproperlyConfiguredException(
                    f"{handler} says neither its scope nor that it is public"
                )
            needed: Scope | None = handler.opt[SCOPE]
            if needed is not None:
                access: Access = scope["litestar_app"].state[ACCESS]
                sent = {
                    name.decode("latin-1"): value.decode("latin-1")
                    for name, value in scope["headers"]
                    if name in LOOKED_AT
                }
                client = scope["client"]
                address = client[0] if client else None
                scope["auth"] = access.caller(sent, needed, address=address)
        await app(scope, receive, send)

    return guard

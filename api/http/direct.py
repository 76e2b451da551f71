"""The short way from a route to its function, for routes that are asked with every page view.

Litestar finds the route and the handlers of its errors, documents the function, and reads and validates
what it is called with. It also resolves dependencies anew and builds two objects for each answer, which
costs more than all that a prediction computes. A route that says `middleware=[Direct]` does without.
"""

from collections.abc import Mapping
from typing import cast

from litestar import Response
from litestar.routes import HTTPRoute
from litestar.serialization import encode_json
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.http.openapi import JSON
from api.http.request import StrictRequest

_CONTENT_TYPE = (b"content-type", JSON.encode())


class Direct:
    """A middleware that calls the async function of its route, and never what follows it.

    Dependencies are asked for once in the life of the process.
    """

    def __init__(self, app: ASGIApp) -> None:
        del app
        self._route: HTTPRoute | None = None
        self._always: Mapping[str, object] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request.

        Raises:
            HTTPException: the function cannot be called with what the request has.
        """
        http = cast("HTTPScope", scope)
        route = self._route or await self._learnt(http)
        handler, parameters = route.route_handler_map[http["method"]]
        request = StrictRequest(scope, receive, send)
        given = await parameters.to_kwargs(request)
        called_with = handler.signature_model.parse_values_from_connection_kwargs(
            request, {**given, **self._always}
        )
        answer: object = await handler.fn(**called_with)
        if isinstance(answer, Response):
            respond = await handler.to_response(http["litestar_app"], answer, request)
            await respond(scope, receive, send)
            return
        body = encode_json(answer)
        headers = [_CONTENT_TYPE, (b"content-length", b"%d" % len(body))]
        await send(
            {"type": "http.response.start", "status": handler.status_code, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _learnt(self, scope: HTTPScope) -> HTTPRoute:
        """The route that this is the middleware of, with its dependencies."""
        found = next(
            each
            for each in scope["litestar_app"].routes
            if isinstance(each, HTTPRoute) and each.path_format == scope["path_template"]
        )
        _, parameters = found.route_handler_map[scope["method"]]
        self._always = {
            each.key: await each.provide()
            for batch in parameters.dependency_batches
            for each in batch
        }
        self._route = found
        return found

"""Requests as an observer sees them: route, status, seconds."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from http import HTTPMethod
from typing import Protocol

from litestar.types import HTTPScope, Message, Receive, Send

from api.process.trace_context import TraceContext, trace_context

NO_ROUTE = "(none)"
App = Callable[[HTTPScope, Receive, Send], Awaitable[None]]
_METHODS = frozenset(HTTPMethod)
_ABORTED = 499
"""The client left before there was an answer; nginx's number for it."""


class RequestObserver(Protocol):
    """Who is told of each request.

    Promises: returns at once, and never raises.
    """

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its whole answer. `route` is a template, such as /v1/models/{name}."""
        ...

    def shed(self) -> None:
        """A request is refused for want of a place."""
        ...


class RequestTracer(Protocol):
    """Who traces requests.

    Promises: the block runs whatever becomes of the trace, and its errors pass as they are.
    """

    def request(
        self, http: HTTPScope, send: Send, parent: TraceContext | None
    ) -> AbstractContextManager[Send]:
        """The block answers one request by the given `send`, within the trace of the `parent`."""
        ...


def trace_of(http: HTTPScope) -> TraceContext | None:
    """The trace that the request comes with, if its header is well formed."""
    for name, value in http["headers"]:
        if name == b"traceparent":
            return trace_context(value)
    return None


async def observed(
    observer: RequestObserver, app: App, http: HTTPScope, receive: Receive, send: Send
) -> None:
    """Has the request answered by `app`, and tells the observer."""
    status, began = _ABORTED, time.perf_counter()

    async def seen(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        await app(http, receive, seen)
    finally:
        method = http["method"] if http["method"] in _METHODS else "OTHER"
        route = str(http.get("path_template") or NO_ROUTE)
        observer.answered(method, route, status, time.perf_counter() - began)

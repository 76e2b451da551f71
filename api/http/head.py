"""HEAD wherever GET is: the same answer without its body. Source: RFC 9110, 9.3.2."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast

from litestar.types import HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

ALLOW = b"allow"


App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer_http(app: App, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Answers a request: HEAD as GET, without the body.

    Once the headers of HEAD are sent, the client counts as gone, so that a stream stops reading.
    A path without GET has no HEAD either.
    """
    if scope["method"] != "HEAD":
        await app(scope, receive, _with_head(send))
        return
    started = False

    async def receive_until_started() -> HTTPReceiveMessage:
        if started:
            return {"type": "http.disconnect"}
        return cast("HTTPReceiveMessage", await receive())

    async def send_headers(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    scope["method"] = "GET"
    await app(scope, receive_until_started, _with_head(send_headers))


def _with_head(send: Send) -> Send:
    """Where GET is allowed, a refusal that lists the methods lists HEAD too."""

    async def send_all(message: Message) -> None:
        if (
            message["type"] == "http.response.start"
            and message["status"] == HTTPStatus.METHOD_NOT_ALLOWED
        ):
            message["headers"] = [
                (name, _listed(value) if name.lower() == ALLOW else value)
                for name, value in message["headers"]
            ]
        await send(message)

    return send_all


def _listed(methods: bytes) -> bytes:
    names = methods.split(b", ")
    return b", ".join([*names, b"HEAD"] if b"GET" in names and b"HEAD" not in names else names)

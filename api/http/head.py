"""HEAD wherever GET is: the same answer without its body. Source: RFC 9110, 9.3.2."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from litestar.types import HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

_ALLOW = "allow"
ASKED = "propensity.head"
"""What a scope has where nobody reads the body."""


App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer_head(app: App, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Answers as GET would be answered, without the body.

    Once the headers are sent, the client counts as gone, so that a stream stops reading. A path
    without GET has no HEAD either.
    """
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

    # A copy: the server looks at the method of its own to know that no body follows.
    asked = cast("HTTPScope", {**scope, "method": "GET", ASKED: True})
    await app(asked, receive_until_started, send_headers)
    if route := asked.get("path_template"):
        scope["path_template"] = route


def allowed(headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers of a 405: where GET is allowed, HEAD is too."""
    found = dict(headers or {})
    methods = found.get(_ALLOW, "").split(", ")
    if "GET" in methods and "HEAD" not in methods:
        found[_ALLOW] = ", ".join([*methods, "HEAD"])
    return found

"""Headers of every answer: whose request it is, who may keep it, and which pages may read it."""

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from random import getrandbits

from litestar.types import HTTPScope, Message, Send

from api.process import logs

REQUEST_ID = "request_id"
OF_PAGES = ("/ofrep/",)
"""What web pages of other origins may ask for."""
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_ALLOWED = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, if-none-match, x-api-key, x-request-id",
    ),
    (b"access-control-max-age", b"7200"),
)
_EXPOSED = (b"access-control-expose-headers", b"etag, retry-after, x-request-id")
_VARY = (b"vary", b"Origin")
_NO_STORE = (b"cache-control", b"no-store")
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_OF_SWAGGER = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; frame-ancestors 'none'"
)
_OF_HTML = ((b"content-security-policy", _OF_SWAGGER), (b"referrer-policy", b"no-referrer"))
"""For the page of the API's documentation, whose script stands within it."""


def dressed(scope: HTTPScope, send: Send, *, origins: Callable[[], AbstractSet[str]]) -> Send:
    """Sends answers with their headers. `origins` are those of pages that may read answers."""
    request_id, origin = _of_request(scope)
    name = request_id.decode()
    scope.setdefault("state", {})[REQUEST_ID] = name
    logs.REQUEST_ID.set(name)  # of this request's own task
    path = scope["path"]
    named = [(b"x-request-id", request_id), _NO_SNIFFING]
    if path.startswith(OF_PAGES):
        named += _cross_origin(origin, origins)

    async def send_dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_missing(message["headers"], path), *named]
        await send(message)

    return send_dressed


def is_preflight(scope: HTTPScope) -> bool:
    """Whether a browser asks if a page may ask. Source: Fetch, CORS-preflight request."""
    return (
        scope["method"] == "OPTIONS"
        and scope["path"].startswith(OF_PAGES)
        and any(name == b"access-control-request-method" for name, _ in scope["headers"])
    )


async def answer_preflight(
    scope: HTTPScope, send: Send, *, origins: Callable[[], AbstractSet[str]]
) -> None:
    """204 where the page's origin may ask, else 403; `send` is one that dresses answers."""
    _, origin = _of_request(scope)
    allowed = origin is not None and origin.decode("latin-1") in origins()
    headers = [*(_ALLOWED if allowed else ()), (b"content-length", b"0")]
    status = 204 if allowed else 403
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _of_request(scope: HTTPScope) -> tuple[bytes, bytes | None]:
    """The request's id, made where it has none or an odd one, and its origin."""
    request_id, origin, traceparent = b"", None, b""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value
        elif name == b"origin":
            origin = value
        elif name == b"traceparent":
            traceparent = value
    logs.TRACEPARENT.set(traceparent)
    if not _ID.fullmatch(request_id):
        request_id = b"%032x" % getrandbits(128)  # to tell requests apart; no secret
    return request_id, origin


def _cross_origin(
    origin: bytes | None, origins: Callable[[], AbstractSet[str]]
) -> tuple[tuple[bytes, bytes], ...]:
    if origin is None or origin.decode("latin-1") not in origins():
        return (_VARY,)
    return (_VARY, (b"access-control-allow-origin", origin), _EXPOSED)


def _missing(headers: Iterable[tuple[bytes, bytes]], path: str) -> list[tuple[bytes, bytes]]:
    """What the answer's own headers do not say: who may keep it, and what its page may do."""
    kept = path.startswith("/docs")
    html = policed = False
    for name, value in headers:
        if name == b"cache-control":
            kept = True
        elif name == b"content-type":
            html = value.startswith(b"text/html")
        elif name == b"content-security-policy":
            policed = True
    missing = [] if kept else [_NO_STORE]
    return [*missing, *_OF_HTML] if html and not policed else missing

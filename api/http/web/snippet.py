"""The snippet that web pages load."""

import base64
import hashlib
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from litestar import Response, get

from api.http.access import PUBLIC
from api.http.problems import AnyRequest

SNIPPET = "/snippet.js"
_JAVASCRIPT = "text/javascript"


@cache
def snippet() -> bytes:
    """The script as it is served."""
    return files("api.http.web").joinpath("snippet.js").read_bytes()


def integrity() -> str:
    """What a page writes so that its browser runs no other script. Source: W3C, SRI."""
    return "sha384-" + base64.b64encode(hashlib.sha384(snippet()).digest()).decode()


@get(SNIPPET, include_in_schema=False, **PUBLIC)
async def snippet_js(request: AnyRequest) -> Response[bytes | None]:
    """The script, or 304 where the page has it."""
    etag = f'"{hashlib.sha256(snippet()).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "public, max-age=300",
        "Access-Control-Allow-Origin": "*",  # browsers check integrity only of what they may read
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(snippet(), media_type=_JAVASCRIPT, headers=headers)

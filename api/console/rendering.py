"""Pages: one document, shown to a person as HTML and to a program as JSON."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.response import Redirect
from litestar.status_codes import HTTP_303_SEE_OTHER
from msgspec import Struct

from api.console import wording
from api.console.signing_in import CSRF_FIELD, ROOT, SESSION, may, said_cookie, said_to
from api.http.access import Caller
from api.http.negotiation import negotiated
from domain.keys import Scope

AnyRequest = Request[Any, Any, Any]
JSON, HTML = "application/json", "text/html"
POLICY: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's Origin would be null
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""No script, style or picture but our own files."""


@dataclass(frozen=True, slots=True)
class Room:
    """An entry of the navigation, for holders of its scope."""

    name: str
    path: str
    scope: Scope


ROOMS = (
    Room("Overview", ROOT, Scope.MODELS_READ),
    Room("Customers", f"{ROOT}/customers", Scope.CUSTOMERS_READ),
    Room("Audiences", f"{ROOT}/audiences", Scope.AUDIENCE),
    Room("Campaigns", f"{ROOT}/campaigns", Scope.AUDIENCE),
    Room("Models", f"{ROOT}/models", Scope.MODELS_READ),
    Room("Live", f"{ROOT}/live", Scope.MODELS_READ),
    Room("Operations", f"{ROOT}/operations", Scope.OPERATE),
)


def page(request: AnyRequest, template: str, document: Struct, **more: object) -> Response[bytes]:
    """The document by its template; as JSON where `?format=json` or the Accept header asks for it.

    The template sees the document as `page`, and what else is given by its name. Call it in a
    worker thread where pictures are drawn.
    """
    if _wants_json(request):
        return Response(msgspec.json.encode(document), media_type=JSON)
    text = rendered(request, template, page=document, **more)
    cookies = [said_cookie(request, None)] if said_to(request) else []
    return html(text, cookies=cookies)


def fragment(request: AnyRequest, template: str, **more: object) -> Response[bytes]:
    """A piece of a page, which htmx puts into one that is open."""
    return html(rendered(request, template, **more))


def piece(
    request: AnyRequest, template: str, document: Struct, *, title: str, **more: object
) -> Response[bytes]:
    """A lazy piece of a page: its HTML for htmx, a page of its own for a link, or its JSON twin."""
    if "hx-request" in request.headers:
        return fragment(request, template, page=document, **more)
    return page(request, "piece.html", document, piece=template, title=title, **more)


def html(text: str, *, status: int = HTTPStatus.OK, **more: Any) -> Response[bytes]:
    """A text as HTML with its policy."""
    content = text.encode(errors="replace")  # a reason may hold half a surrogate
    return Response(content, status_code=status, media_type=HTML, headers=POLICY, **more)


def done(request: AnyRequest, path: str, said: str) -> Response[Any]:
    """After an act: leads to a page, which says what was done."""
    cookie = said_cookie(request, said)
    if "hx-request" in request.headers:
        return Response(
            b"", status_code=HTTPStatus.OK, headers={"HX-Redirect": path}, cookies=[cookie]
        )
    return Redirect(path, status_code=HTTP_303_SEE_OTHER, cookies=[cookie])


def rendered(request: AnyRequest, template: str, **values: object) -> str:
    """A template with these values, and with what every page shows."""
    state = request.scope["state"]
    session = state.get(SESSION)
    signed = request.scope.get("auth") if session else None
    return (
        _environment()
        .get_template(template)
        .render(
            **values,
            rooms=[room for room in ROOMS if signed and may(request, room.scope)],
            here=request.scope["path"],
            query=dict(request.query_params),
            actor=signed.actor if isinstance(signed, Caller) else None,
            key_id=signed.key.key_id if isinstance(signed, Caller) and signed.key else None,
            csrf=session.token if session else "",
            csrf_field=CSRF_FIELD,
            said=said_to(request),
            may=lambda scope: bool(signed) and may(request, Scope(scope)),
        )
    )


def _wants_json(request: AnyRequest) -> bool:
    if "format" in request.query_params:
        return bool(request.query_params["format"] == "json")
    accept = [value for name, value in request.headers.multi_items() if name == "accept"]
    return negotiated(accept, [HTML, JSON]) == JSON


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("api.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= wording.FILTERS
    environment.globals |= {"asset": asset}
    return environment


@cache
def asset(name: str) -> str:
    """The address of a file of ours, another one for another content."""
    digest = hashlib.sha256((files("api.console") / "static" / name).read_bytes()).hexdigest()
    return f"{ROOT}/static/{name}?v={digest[:12]}"

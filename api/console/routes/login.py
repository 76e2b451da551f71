"""Sign in with a key, and out."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect
from litestar.status_codes import HTTP_303_SEE_OTHER

from api.console.rendering import AnyRequest, html, rendered
from api.console.sessions import Session
from api.console.signing_in import (
    ANYBODY,
    LOGIN,
    ROOT,
    address_of,
    is_ours,
    keyring_of,
    said_cookie,
    said_to,
    session_cookie,
    session_of,
)
from api.http.access import ACCESS, Access
from domain.errors import Unauthenticated
from domain.keys import Key, KeyKind, Scope
from domain.keys.secrets import sha256_of

MAX_BODY_BYTES = 4_000
_NOT_KEPT = (
    "this browser did not keep the session; from another machine the console needs https, "
    "or a tunnel such as ssh -L 8000:127.0.0.1:8000"
)


@get("/login", **ANYBODY)
async def login(
    request: AnyRequest, *, key: FromQuery[bool] = False, signed: FromQuery[bool] = False
) -> Response[Any]:
    """The page where one signs in. Where no key is needed, the page that was asked for at once.

    With `signed` somebody just did; then the browser kept the cookie, or is told why not.
    """
    target = _target(request.query_params.get("next"))
    if signed and session_of(request) is not None:
        return Redirect(target, status_code=HTTP_303_SEE_OTHER)
    if not (key or signed) and _needs_no_key(request):
        return _signed_in(request, Session.new(None), target)
    cookies = [said_cookie(request, None)] if said_to(request) else []
    wrong = _NOT_KEPT if signed else None
    return html(rendered(request, "login.html", target=target, wrong=wrong), cookies=cookies)


@post("/login", request_max_body_size=MAX_BODY_BYTES, **ANYBODY)
async def sign_in(request: AnyRequest) -> Response[Any]:
    """A new session for the holder of a secret key."""
    form = await request.form()
    secret, target = str(form.get("key", "")).strip(), _target(form.get("next"))
    try:
        key = _secret_key(request, secret)
    except Unauthenticated as exc:
        page = rendered(request, "login.html", target=target, wrong=str(exc))
        return html(page, status=HTTPStatus.UNAUTHORIZED)
    return _signed_in(request, Session.new(key, sha256=sha256_of(secret)), target)


@post("/logout", request_max_body_size=MAX_BODY_BYTES, **ANYBODY)
async def sign_out(request: AnyRequest) -> Redirect:
    """The session ends. Whoever signs another one out does no harm, so no token is asked for."""
    return Redirect(
        f"{LOGIN}?key=true",
        status_code=HTTP_303_SEE_OTHER,
        cookies=[session_cookie(request, None), said_cookie(request, "You are signed out.")],
    )


LOGIN_ROUTES = (login, sign_in, sign_out)


def _target(wanted: object) -> str:
    """Where to go on: a page of the console, whatever a link says."""
    return wanted if isinstance(wanted, str) and is_ours(wanted) else ROOT


def _secret_key(request: AnyRequest, secret: str) -> Key:
    key = keyring_of(request).holder_of(secret)
    if key.kind is not KeyKind.SECRET:
        raise Unauthenticated("a publishable key is for pages of a shop; sign in with a secret one")
    return key


def _needs_no_key(request: AnyRequest) -> bool:
    access: Access = request.app.state[ACCESS]
    try:
        access.without_key(request.headers, Scope.MODELS_READ, address_of(request))
    except Unauthenticated:
        return False
    return True


def _signed_in(request: AnyRequest, session: Session, target: str) -> Redirect:
    return Redirect(
        f"{LOGIN}?signed=true&next={quote(target, safe='/')}",
        status_code=HTTP_303_SEE_OTHER,
        cookies=[session_cookie(request, session)],
    )

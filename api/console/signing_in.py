"""Who looks at a page: by a session, or for its JSON twin by a key. What changes needs more."""

import hmac
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Send
from litestar.types import Scope as ASGIScope

from api.console.sessions import Said, Seals, Session
from api.http.access import ACCESS, SCOPE, Access, Caller, check_scope
from api.http.request import StrictRequest
from domain.errors import Forbidden, Unauthenticated, Unavailable
from domain.keys import Keyring, Scope

ROOT = "/console"
LOGIN = f"{ROOT}/login"
SEALS = "console_seals"
SECURE = "console_secure"
SESSION = "console_session"
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
_SEEN = "console_scope"
_SESSION_COOKIE, _SAID_COOKIE = "propensity_session", "propensity_said"
_SAFE = {"GET", "HEAD"}
ANYBODY: dict[str, Any] = {"opt": {SCOPE: None, _SEEN: None}}
"""Of a page that needs nobody to be signed in."""


class SignIn(Exception):
    """Nobody is signed in who may see this; `reason` says why not, where there was somebody."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


def seen_with(scope: Scope) -> dict[str, Any]:
    """What a page needs that only a holder of this scope may see."""
    return {"opt": {SCOPE: None, _SEEN: scope}}


def signed_in(app: ASGIApp) -> ASGIApp:
    """A middleware: no page is made before it is known who looks, and no act done for a stranger.

    An act needs the session's token, and an Origin that is this server's.
    """

    async def check(scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] != "OPTIONS":
            request = StrictRequest(scope, receive, send)
            if request.method not in _SAFE:
                _check_origin(request)
            needed: Scope | None = scope["route_handler"].opt[_SEEN]
            if needed is not None:
                await _check(request, scope, needed)
        await app(scope, receive, send)

    return check


async def _check(request: Request[Any, Any, Any], scope: HTTPScope, needed: Scope) -> None:
    access: Access = scope["litestar_app"].state[ACCESS]
    reads = request.method in _SAFE
    if reads and ("x-api-key" in request.headers or "authorization" in request.headers):
        scope["auth"] = access.caller(request.headers, needed, address=address_of(request))
        return
    session = session_of(request)
    if session is None and reads and request.query_params.get("format") == "json":
        scope["auth"] = access.caller(request.headers, needed, address=address_of(request))
        return
    if session is None:
        raise SignIn
    caller = scope["auth"] = _caller_of(session, request, access, needed)
    scope["state"][SESSION] = session  # from here on a refusal is a page with its navigation
    if caller.key is not None:
        check_scope(caller.key, needed)
        access.rates.take(caller.key)
    if not reads:
        await _check_token(request, session)


def _caller_of(
    session: Session, request: Request[Any, Any, Any], access: Access, needed: Scope
) -> Caller:
    """Who signed in, as the keys are now.

    Raises:
        SignIn: the key allows nothing any more, or one is needed now.
        StoreUnavailable: the keys could not be read for too long.
    """
    try:
        if session.key_id is None:
            return access.without_key(request.headers, needed, address_of(request))
        key = access.keyring.held(session.key_id, session.sha256)
    except Unauthenticated as exc:
        raise SignIn(str(exc)) from exc
    return Caller(actor=key.actor, key=key)


def may(request: Request[Any, Any, Any], scope: Scope) -> bool:
    """Whether who looks may also do what needs this scope: whether a page shows the act."""
    caller: Caller = request.auth
    if caller.key is not None:
        return scope in caller.key.scopes
    access: Access = request.app.state[ACCESS]
    try:
        access.without_key(request.headers, scope, address_of(request))
    except (Unauthenticated, Unavailable):  # where keys cannot be read, no act is shown
        return False
    return True


def session_of(request: Request[Any, Any, Any]) -> Session | None:
    """The session that the request's cookie holds."""
    return seals_of(request).session(request.cookies.get(_SESSION_COOKIE))


def seals_of(request: Request[Any, Any, Any]) -> Seals:
    """What seals the cookies."""
    seals: Seals = request.app.state[SEALS]
    return seals


def session_cookie(request: Request[Any, Any, Any], session: Session | None) -> Cookie:
    """The cookie that holds a session; None: it ends."""
    text = "" if session is None else seals_of(request).seal(session)
    return _cookie(request, _SESSION_COOKIE, text, lasts_s=None if session else 0)


def said_cookie(request: Request[Any, Any, Any], text: str | None) -> Cookie:
    """The cookie with what the next page tells; None: it was told."""
    sealed = "" if text is None else seals_of(request).seal(Said(text))
    return _cookie(request, _SAID_COOKIE, sealed, lasts_s=None if text else 0)


def said_to(request: Request[Any, Any, Any]) -> str | None:
    """What this page is to tell."""
    return seals_of(request).said(request.cookies.get(_SAID_COOKIE))


def login_path(request: Request[Any, Any, Any]) -> str:
    """Where to sign in, and come back from; with a key, where none was not enough."""
    key = "&key=true" if session_of(request) else ""
    return f"{LOGIN}?next={quote(_page_of(request), safe='/')}{key}"


def _page_of(request: Request[Any, Any, Any]) -> str:
    """The page that somebody looks at, also where it asked for a piece of itself."""
    if "hx-current-url" in request.headers:
        try:
            looked_at = urlsplit(request.headers["hx-current-url"])
        except ValueError:  # half an IPv6 address
            return ROOT
        path, query = looked_at.path, looked_at.query
    elif request.method in _SAFE:
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    else:
        return ROOT
    page = f"{path}?{query}" if query else path
    return page if is_ours(page) else ROOT


def is_ours(path: str) -> bool:
    """Whether a path leads to a page of the console, and nowhere else."""
    place, _, _ = path.partition("?")
    return (place == ROOT or place.startswith(f"{ROOT}/")) and not set(path) & set("\\\r\n#")


def address_of(request: Request[Any, Any, Any]) -> str | None:
    """The client's address."""
    return request.client.host if request.client else None


def keyring_of(request: Request[Any, Any, Any]) -> Keyring:
    """The keys of this process."""
    access: Access = request.app.state[ACCESS]
    return access.keyring


def _cookie(
    request: Request[Any, Any, Any], name: str, value: str, *, lasts_s: int | None
) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        path=ROOT,
        max_age=lasts_s,
        httponly=True,
        samesite="strict",
        secure=request.app.state[SECURE],
    )


def _check_origin(request: Request[Any, Any, Any]) -> None:
    """Returns when a page of this server asks. Source: OWASP, verifying origin with headers.

    Raises:
        Forbidden: another site's page does, or nothing says which.
    """
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    if not host or origin not in {f"http://{host}", f"https://{host}"}:
        raise Forbidden("the console is changed from its own pages only; open the page again")


async def _check_token(request: Request[Any, Any, Any], session: Session) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        given = str((await request.form()).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(given.encode(), session.token.encode()):
        raise Forbidden("this page belongs to an earlier session; open it again")

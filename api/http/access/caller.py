"""Who asks: the holder of a key, or anybody where that is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from litestar import Request

from api.http.access.rates import Rates
from api.http.headers import REQUEST_ID
from api.process import Settings, is_loopback
from domain.audit import Who
from domain.errors import Forbidden, Unauthenticated
from domain.keys import Key, KeyKind, Keyring, Scope

API_KEY = "x-api-key"
FOR_OTHERS = frozenset(
    {
        Scope.CAMPAIGNS_MANAGE,
        Scope.CUSTOMERS_READ,
        Scope.ERASE,
        Scope.KEYS_MANAGE,
        Scope.MODELS_MANAGE,
        Scope.OPERATE,
    }
)
"""What changes something for others, tells who did, or shows what one customer bought."""
_KEY_PREFIXES = ("pp_sk_", "pp_pk_")
_FORWARDED = (
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    "x-real-ip",
)
LOOKED_AT = frozenset(
    name.encode() for name in (API_KEY, "authorization", "origin", "host", *_FORWARDED)
)
"""The headers that tell who asks."""
_SEND = "send a key: Authorization: Bearer KEY, or X-API-Key: KEY"


class Openness(StrEnum):
    """What is answered without a key.

    `none`: nothing. `loopback`: everything asked from this machine, while the store holds no key.
    `open`: everything but what changes something for others.
    """

    NONE = "none"
    LOOPBACK = "loopback"
    OPEN = "open"

    @classmethod
    def of(cls, settings: Settings) -> "Openness":
        """What these settings of a server leave open."""
        if settings.open_access:
            return cls.OPEN
        return cls.LOOPBACK if is_loopback(settings.host) else cls.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. Without a `key`, somebody who needs none here."""

    actor: str
    key: Key | None = None

    @property
    def is_browser(self) -> bool:
        """Whether it is a page that everybody can read, so that it may not name the customer."""
        return self.key is not None and self.key.kind is KeyKind.PUBLISHABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Tells who asks, and whether they may."""

    keyring: Keyring
    openness: Openness = Openness.NONE
    rates: Rates = field(default_factory=Rates)

    def caller(self, headers: Mapping[str, str], scope: Scope, *, address: str | None) -> Caller:
        """Who sent these headers from this address, if they may ask for what needs `scope`.

        Raises:
            Unauthenticated: without a key, or with one that allows nothing (any more).
            Forbidden: the key may not do this, or not from this page.
            TooManyRequests: the key has used up its rate.
            StoreUnavailable: the keys could not be read for too long.
        """
        secret = _key_in(headers)
        if secret is None:
            return self.without_key(headers, scope, address)
        key = self.keyring.holder_of(secret)
        check_scope(key, scope)
        if key.kind is KeyKind.PUBLISHABLE and headers.get("origin") not in key.origins:
            raise Forbidden(
                "this key is for other web pages: the request's Origin is not one of its"
            )
        self.rates.take(key)
        return Caller(actor=key.actor, key=key)

    def without_key(self, headers: Mapping[str, str], scope: Scope, address: str | None) -> Caller:
        """Who sent these headers without a key, if they may ask for what needs `scope` all the same.

        Raises:
            Unauthenticated: a key is needed for it.
            StoreUnavailable: the keys could not be read for too long.
        """
        if self.openness is Openness.OPEN:
            if scope in FOR_OTHERS:
                raise Unauthenticated(f"{scope} needs a key, also where the rest is open; {_SEND}")
            return Caller(actor="open")
        if self.openness is Openness.LOOPBACK and self.keyring.holds_none:
            _check_from_here(headers, address)
            return Caller(actor="loopback")
        raise Unauthenticated(_SEND)


def check_scope(key: Key, scope: Scope) -> None:
    """Returns when the key allows what needs `scope`.

    Raises:
        Forbidden: it does not.
    """
    if scope not in key.scopes:
        raise Forbidden(f"this key allows {', '.join(sorted(key.scopes))}; {scope} is needed")


def who_of(request: Request[Any, Any, Any]) -> Who:
    """Who acts by this request, for the audit."""
    caller: Caller = request.auth
    return Who(actor=caller.actor, request_id=request.scope["state"][REQUEST_ID])


def bearer_in(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header of the scheme Bearer."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def is_key(token: str) -> bool:
    """Whether it is written as a key, not as a customer's token."""
    return token.startswith(_KEY_PREFIXES)


def _key_in(headers: Mapping[str, str]) -> str | None:
    """The key in either of its headers.

    Raises:
        Unauthenticated: there is none in Authorization, which has something else; or there are two.
    """
    named, bearer = headers.get(API_KEY), bearer_in(headers)
    if named is not None:
        if bearer is not None and is_key(bearer) and bearer != named:
            raise Unauthenticated("two different keys were sent; send one")
        return named
    if bearer is not None and is_key(bearer):
        return bearer
    return None


def _check_from_here(headers: Mapping[str, str], address: str | None) -> None:
    """Returns when a program on this machine asks, and neither a proxy nor a page of another site.

    Raises:
        Unauthenticated: not so. Without a key, a page could be led here by its own name's address.
    """
    if any(name in headers for name in _FORWARDED):
        raise Unauthenticated(
            "this came through a proxy, so it needs a key: propensity keys create"
        )
    host, origin = headers.get("host", ""), headers.get("origin")
    near = is_loopback(address) and _is_local(host)
    if not near or (origin is not None and not _is_local(origin.partition("://")[2])):
        raise Unauthenticated(
            "only loopback needs no key, asked as localhost or 127.0.0.1: propensity keys create"
        )


def _is_local(authority: str) -> bool:
    host, _, _ = authority.rpartition(":") if not authority.endswith("]") else (authority, "", "")
    return is_loopback((host or authority).strip("[]"))

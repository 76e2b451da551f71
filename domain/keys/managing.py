"""Create, rotate and revoke keys."""

import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from domain.errors import InvalidRequest, KeyEnded, UnknownKey
from domain.keys.key import Key, KeyKind, Rate, Scope
from domain.keys.ports import KeyStore
from domain.keys.secrets import IssuedKey, new_key_id, new_secret, sha256_of
from domain.values import MICROS_PER_DAY, MICROS_PER_SECOND, Clock

DEFAULT_RATE = Rate(per_second=100, burst=200)
MOST_DAYS = 3650
MOST_OVERLAP_S = 30 * 86_400
ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
_SCHEMES = {"http", "https"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWanted:
    """What a new key is to be; `days` None: it does not expire.

    Raises:
        InvalidRequest: it breaks a rule; says which.
    """

    actor: str
    scopes: AbstractSet[Scope]
    kind: KeyKind = KeyKind.SECRET
    origins: AbstractSet[str] = frozenset()
    rate: Rate = DEFAULT_RATE
    days: int | None = None

    def __post_init__(self) -> None:
        if not ACTOR.fullmatch(self.actor):
            raise InvalidRequest(
                "actor", "must be 1 to 64 letters, digits and . _ @ -, such as shop or mailing-tool"
            )
        if not self.scopes:
            raise InvalidRequest("scopes", f"must name some of {', '.join(Scope)}")
        if self.days is not None and not 1 <= self.days <= MOST_DAYS:
            raise InvalidRequest("days", f"must be from 1 to {MOST_DAYS}")
        if self.kind is KeyKind.PUBLISHABLE:
            self._check_publishable()
        elif self.origins:
            raise InvalidRequest("origins", "belong to publishable keys; a server has none")

    def _check_publishable(self) -> None:
        if self.scopes != {Scope.DECIDE}:
            raise InvalidRequest("scopes", "of a publishable key are decide, and nothing else")
        if not self.origins:
            raise InvalidRequest(
                "origins", "must name the web pages that use the key, such as https://shop.example"
            )
        for origin in self.origins:
            if not _is_origin(origin):
                raise InvalidRequest(
                    "origins",
                    f"{origin!r} is no origin: write scheme, host and port as browsers send them, "
                    "such as https://shop.example or http://localhost:3000",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageKeys:
    """The acts on keys; each is stored before it is answered."""

    store: KeyStore
    clock: Clock
    key_id: Callable[[], str] = new_key_id
    secret: Callable[[KeyKind, str], str] = new_secret

    async def every(self) -> Sequence[Key]:
        """Every key there ever was, the oldest first.

        Raises:
            StoreUnavailable: they could not all be read.
        """
        return sorted(await self.store.every(), key=lambda key: (key.created_at, key.key_id))

    async def create(self, wanted: KeyWanted, /) -> IssuedKey:
        """A new key with its secret.

        Raises:
            StoreUnavailable: it may or may not be stored; create another, and revoke this one.
        """
        now, key_id = self.clock(), self.key_id()
        secret = self.secret(wanted.kind, key_id)
        key = Key(
            key_id=key_id,
            kind=wanted.kind,
            actor=wanted.actor,
            scopes=wanted.scopes,
            origins=wanted.origins,
            rate=wanted.rate,
            sha256=sha256_of(secret),
            created_at=now,
            expires_at=None if wanted.days is None else now + wanted.days * MICROS_PER_DAY,
        )
        await self.store.save(key)
        return IssuedKey(key=key, secret=secret)

    async def rotate(self, key_id: str, /, *, overlap_s: int) -> IssuedKey:
        """The key with a new secret; the one before holds for so many seconds more.

        A secret that was rotated earlier ends at once.

        Raises:
            UnknownKey: there is no such key.
            KeyEnded: it allows nothing any more.
            InvalidRequest: the overlap is too long.
            KeyChanged: somebody else changed it at the same time.
            StoreUnavailable: the store did not answer.
        """
        if not 0 <= overlap_s <= MOST_OVERLAP_S:
            raise InvalidRequest("overlap", f"must be from 0 to {MOST_OVERLAP_S} seconds")
        key, now = await self._key(key_id), self.clock()
        if (why := key.why_not(now)) is not None:
            raise KeyEnded(f"{why}; create a new one")
        secret = self.secret(key.kind, key.key_id)
        rotated = replace(
            key,
            sha256=sha256_of(secret),
            previous_sha256=key.sha256,
            previous_until=now + overlap_s * MICROS_PER_SECOND,
            writes=key.writes + 1,
        )
        await self.store.save(rotated)
        return IssuedKey(key=rotated, secret=secret)

    async def revoke(self, key_id: str, /) -> Key:
        """The key, which allows nothing any more; revoking it again changes nothing.

        Raises:
            UnknownKey: there is no such key.
            KeyChanged: somebody else changed it at the same time.
            StoreUnavailable: the store did not answer.
        """
        key = await self._key(key_id)
        if key.revoked_at is not None:
            return key
        revoked = replace(key, revoked_at=self.clock(), writes=key.writes + 1)
        await self.store.save(revoked)
        return revoked

    async def _key(self, key_id: str) -> Key:
        found = [key for key in await self.store.every() if key.key_id == key_id]
        if not found:
            raise UnknownKey("there is no such key; see propensity keys list")
        return found[0]


def _is_origin(text: str) -> bool:
    """Whether a browser could send this as Origin. Source: RFC 6454, section 6.2."""
    try:
        parts = urlsplit(text)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        return (
            parts.scheme in _SCHEMES
            and bool(parts.hostname)
            and text == text.lower()
            and text.isascii()
            and text == f"{parts.scheme}://{parts.netloc}"
            and "@" not in parts.netloc
            and not parts.netloc.endswith(":")
            and parts.port != default
        )
    except ValueError:  # a port that is none
        return False

"""A key: whose it is, what it allows, and until when."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may allow; none includes another."""

    PREDICT = "predict"
    DECIDE = "decide"
    RECORD = "record"
    AUDIENCE = "audience"
    CAMPAIGNS_MANAGE = "campaigns:manage"
    ERASE = "erase"
    MODELS_READ = "models:read"
    MODELS_MANAGE = "models:manage"
    CUSTOMERS_READ = "customers:read"
    KEYS_MANAGE = "keys:manage"
    OPERATE = "operate"


class KeyKind(StrEnum):
    """Who holds a key: a server, which keeps it, or every browser, which shows it."""

    SECRET = "secret"  # noqa: S105  # the kind's name
    PUBLISHABLE = "publishable"


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests that a key may make: so many a second, and so many at once after a pause.

    Raises:
        ValueError: one of them is not above zero.
    """

    per_second: int
    burst: int

    def __post_init__(self) -> None:
        if self.per_second < 1 or self.burst < 1:
            raise ValueError("a rate needs at least 1 request, per second and at once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key, without its secret. Instants in microseconds since the epoch, UTC.

    `sha256` is of the whole key as it is sent. After a rotation `previous_sha256` holds until
    `previous_until`. `origins` are those of web pages that may use a publishable key. `last_used`
    is a day since the epoch. `writes` counts the changes, from 1.
    """

    key_id: str
    kind: KeyKind
    actor: str
    scopes: AbstractSet[Scope]
    origins: AbstractSet[str]
    rate: Rate
    sha256: bytes
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    previous_sha256: bytes | None = None
    previous_until: int | None = None
    last_used: int | None = None
    writes: int = 1

    def why_not(self, now: int) -> str | None:
        """Why it allows nothing at `now`; None: it does."""
        if self.revoked_at is not None:
            return "this key was revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "this key has expired"
        return None

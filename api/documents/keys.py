"""What travels about keys, over HTTP and from the command line alike."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.keys import DEFAULT_RATE, IssuedKey, Key, KeyKind, KeyWanted, Rate, Scope
from domain.values import MICROS_PER_DAY, instant

DAY_S = 86_400
PerSecond = Annotated[int, Meta(ge=1, le=1_000_000, description="Requests a second.")]
Burst = Annotated[int, Meta(ge=1, le=1_000_000, description="Requests at once after a pause.")]


class KeyReport(Struct, frozen=True, kw_only=True):
    """One key, without its secret."""

    key_id: str
    kind: KeyKind
    actor: Annotated[str, Meta(description="Who holds it.")]
    scopes: list[Scope]
    origins: Annotated[list[str], Meta(description="Of the web pages that may use it.")]
    per_second: PerSecond
    burst: Burst
    status: Literal["active", "expired", "revoked"]
    created_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    expires_at: str | None
    revoked_at: str | None
    previous_until: Annotated[
        str | None, Meta(description="Until when the secret before the last rotation holds.")
    ]
    last_used: Annotated[str | None, Meta(description="The UTC day; null: never.")]

    @classmethod
    def of(cls, key: Key, *, now: int) -> "KeyReport":
        """The key as it travels; `now` in microseconds since the epoch, UTC."""
        used = None if key.last_used is None else instant.render(key.last_used * MICROS_PER_DAY)
        return cls(
            key_id=key.key_id,
            kind=key.kind,
            actor=key.actor,
            scopes=sorted(key.scopes),
            origins=sorted(key.origins),
            per_second=key.rate.per_second,
            burst=key.rate.burst,
            status=_status(key, now),
            created_at=instant.render(key.created_at),
            expires_at=_rendered(key.expires_at),
            revoked_at=_rendered(key.revoked_at),
            previous_until=_rendered(key.previous_until),
            last_used=used and used.partition("T")[0],
        )


class Keys(Struct, frozen=True, kw_only=True):
    """Every key there ever was, the oldest first."""

    keys: list[KeyReport]


class IssuedKeyReport(Struct, frozen=True, kw_only=True):
    """A key with its secret, which nobody can show again."""

    key: KeyReport
    secret: Annotated[str, Meta(description="Send it as Bearer token or X-API-Key. Keep it.")]

    @classmethod
    def of(cls, issued: IssuedKey, *, now: int) -> "IssuedKeyReport":
        """The key as it travels, this once."""
        return cls(key=KeyReport.of(issued.key, now=now), secret=issued.secret)


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to create."""

    actor: Annotated[str, Meta(description="Who will hold it, such as shop or mailing-tool.")]
    scopes: Annotated[list[Scope], Meta(description="What it allows; none includes another.")]
    kind: KeyKind = KeyKind.SECRET
    origins: Annotated[
        list[str],
        Meta(description="Of a publishable key: the web pages that use it, as browsers send them."),
    ] = []
    per_second: PerSecond = DEFAULT_RATE.per_second
    burst: Burst = DEFAULT_RATE.burst
    days: Annotated[
        int | None, Meta(description="Until it expires, from 1 to 3650; null: it does not.")
    ] = None

    def wanted(self) -> KeyWanted:
        """The key as the domain takes it.

        Raises:
            InvalidRequest: it breaks a rule; says which.
        """
        return KeyWanted(
            actor=self.actor,
            scopes=frozenset(self.scopes),
            kind=self.kind,
            origins=frozenset(self.origins),
            rate=Rate(per_second=self.per_second, burst=self.burst),
            days=self.days,
        )


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that gets a new secret."""

    overlap_s: Annotated[
        int, Meta(ge=0, le=30 * DAY_S, description="Seconds for which the secret before holds.")
    ] = DAY_S


def _status(key: Key, now: int) -> Literal["active", "expired", "revoked"]:
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.why_not(now) is None else "expired"


def _rendered(moment: int | None) -> str | None:
    return None if moment is None else instant.render(moment)

"""Sessions: who signed in, sealed into a cookie, so that any process of a server knows them."""

import secrets
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct

from domain.keys import Key
from domain.values import MICROS_PER_SECOND, Clock

LASTS_S = 12 * 3600
"""A working day: whoever signed in signs in again after it. Source: OWASP session management."""
SAID_LASTS_S = 60

_Sealed = TypeVar("_Sealed", bound=Struct)


class Session(Struct, frozen=True, tag="session"):
    """Who signed in, by the id and hash of a key; without a key, somebody who needs none here.

    `token` must come with every request that changes something. Source: OWASP, synchronizer token.
    """

    token: str
    key_id: str | None = None
    sha256: bytes = b""

    @classmethod
    def new(cls, key: Key | None, *, sha256: bytes = b"") -> "Session":
        """A session with a token of its own, never one that a browser brought along."""
        return cls(secrets.token_urlsafe(24), None if key is None else key.key_id, sha256)


class Said(Struct, frozen=True, tag="said"):
    """What the next page tells about the act before it."""

    text: str


class Seals:
    """Seals what a browser keeps for us, so that nobody else can read or make it.

    Of several `keys` the first seals, and each opens; none: a random one, which no other process
    has. Encrypted and authenticated: AES-128-CBC and HMAC-SHA-256, as Fernet.
    """

    def __init__(self, keys: Sequence[str], *, clock: Clock) -> None:
        spelled = [
            each + "=" * (-len(each) % 4) for each in keys or [Fernet.generate_key().decode()]
        ]
        self._fernet = MultiFernet([Fernet(each) for each in spelled])
        self._clock = clock

    def seal(self, value: Session | Said) -> str:
        """The text that a cookie holds."""
        return self._fernet.encrypt_at_time(msgspec.msgpack.encode(value), self._now_s()).decode()

    def session(self, text: str | None) -> Session | None:
        """The session that was sealed; None: there is none, or its time is over."""
        return self._opened(text, Session, LASTS_S)

    def said(self, text: str | None) -> str | None:
        """What is to be told; None: nothing."""
        found = self._opened(text, Said, SAID_LASTS_S)
        return None if found is None else found.text

    def _opened(self, text: str | None, kind: type[_Sealed], lasts_s: int) -> _Sealed | None:
        if not text:
            return None
        try:
            sealed = text.encode("ascii", "replace")
            plain = self._fernet.decrypt_at_time(sealed, ttl=lasts_s, current_time=self._now_s())
            return msgspec.msgpack.decode(plain, type=kind)
        except (InvalidToken, msgspec.MsgspecError):
            return None

    def _now_s(self) -> int:
        return self._clock() // MICROS_PER_SECOND

"""Cursors: where the next page begins, sealed so that nobody else can read or make one."""

import hashlib

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct

from domain.categories import Position
from domain.errors import InvalidRequest
from domain.prediction import Traffic
from domain.values import MICROS_PER_SECOND, Clock

_RESTART = "start again without it"


class CursorState(Struct, frozen=True, array_like=True):
    """Where a sequence of pages stands, and the question, instant and versions it belongs to."""

    selection: bytes
    as_of: int
    model: str
    label: str
    shard: int = 0
    after: str | None = None

    @property
    def position(self) -> Position:
        """Where the page begins."""
        return Position(self.shard, self.after)

    def at(self, position: Position) -> "CursorState":
        """The same sequence, further on."""
        return msgspec.structs.replace(self, shard=position.shard, after=position.after)


def fingerprint(*selection: object) -> bytes:
    """The same for the same question only."""
    return hashlib.sha256(msgspec.msgpack.encode(selection)).digest()[:16]


class Cursors:
    """Seals places into opaque text that expires after `ttl_s` seconds.

    Of several keys by commas the first seals, and each opens. Without a `key` a random one is made:
    then cursors end with this object, and another process cannot open them. Encrypted and
    authenticated: AES-128-CBC and HMAC-SHA-256, as Fernet.

    Raises:
        ValueError: a key is not 32 bytes in URL-safe base64, with or without padding.
    """

    def __init__(self, key: str | None, *, ttl_s: int, clock: Clock) -> None:
        keys = (key or Fernet.generate_key().decode()).split(",")
        self._fernet = MultiFernet([Fernet(each + "=" * (-len(each) % 4)) for each in keys])
        self._ttl_s = ttl_s
        self._clock = clock
        self._decoder = msgspec.msgpack.Decoder(CursorState)

    def seal(self, place: CursorState) -> str:
        """The cursor of a place."""
        return self._fernet.encrypt_at_time(msgspec.msgpack.encode(place), self._now_s()).decode()

    def open(self, cursor: str, *, selection: bytes, traffic: Traffic) -> CursorState:
        """The place that was sealed, once it belongs to this question and these versions.

        Raises:
            InvalidRequest: forged, expired, of another question or of other versions.
        """
        place = self._opened(cursor.encode("utf-8", "replace"))
        if place.selection != selection:
            raise InvalidRequest(
                "cursor", f"belongs to another category or other filters; {_RESTART}"
            )
        if (place.model, place.label) != (traffic.name, traffic.label):
            raise InvalidRequest(
                "cursor",
                f"belongs to version {place.label} of {place.model}; what answers changed to "
                f"version {traffic.label} of {traffic.name}, so {_RESTART}",
            )
        return place

    def _opened(self, token: bytes) -> CursorState:
        try:
            made_at_s = self._fernet.extract_timestamp(token)
            if self._now_s() - made_at_s > self._ttl_s:
                raise InvalidRequest("cursor", f"is older than {self._ttl_s} s; {_RESTART}")
            return self._decoder.decode(self._fernet.decrypt(token))
        except (InvalidToken, msgspec.MsgspecError) as exc:
            raise InvalidRequest(
                "cursor", f"was not made by this server, or before its key changed; {_RESTART}"
            ) from exc

    def _now_s(self) -> int:
        return self._clock() // MICROS_PER_SECOND

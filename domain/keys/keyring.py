"""The keys as a process holds them, to tell who asks without asking the store."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from domain.errors import StoreUnavailable, Unauthenticated
from domain.keys.key import Key, KeyKind
from domain.keys.secrets import key_id_of, sha256_of
from domain.values import Clock, day_of

STALE_S = 10.0
"""Keys that are older than this allow nothing: one may be revoked meanwhile."""
_NOBODY = bytes(32)


class Keyring:
    """Every key as last read. `monotonic` in seconds tells how long ago that is."""

    def __init__(self, *, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._keys: Mapping[str, Key] = {}
        self._read_at: float | None = None
        self._used: dict[str, int] = {}
        self.origins: AbstractSet[str] = frozenset()
        """Of web pages that any publishable key allows."""

    def replace(self, keys: Sequence[Key], *, asked_at: float) -> None:
        """From now on these are the keys, read by a question that began at `asked_at`."""
        self._keys = {key.key_id: key for key in keys}
        self._read_at = asked_at
        now = self._clock()
        self.origins = frozenset(
            origin
            for key in keys
            if key.kind is KeyKind.PUBLISHABLE and key.why_not(now) is None
            for origin in key.origins
        )

    @property
    def holds_none(self) -> bool:
        """Whether the store is known to hold no key, not even a revoked one."""
        self._check_age()
        return not self._keys

    def holder_of(self, secret: str) -> Key:
        """The key that this is, compared in constant time.

        Raises:
            Unauthenticated: there is no such key, or it allows nothing any more.
            StoreUnavailable: the keys could not be read for too long.
        """
        return self.held(key_id_of(secret) or "", sha256_of(secret))

    def held(self, key_id: str, sha256: bytes) -> Key:
        """The key with this id whose secret has this hash, as `holder_of`.

        Raises:
            Unauthenticated: there is no such key, or it allows nothing any more.
            StoreUnavailable: the keys could not be read for too long.
        """
        self._check_age()
        now = self._clock()
        key = self._keys.get(key_id)
        current = hmac.compare_digest(key.sha256 if key else _NOBODY, sha256)
        previous = hmac.compare_digest((key and key.previous_sha256) or _NOBODY, sha256)
        if key is None or not (current or previous):
            raise Unauthenticated("this key is not known here")
        if not current and (key.previous_until or 0) <= now:
            raise Unauthenticated("this key was rotated, and its overlap is over")
        if (why := key.why_not(now)) is not None:
            raise Unauthenticated(why)
        today = day_of(now)
        if (key.last_used or 0) < today:
            self._used[key.key_id] = today
        return key

    def take_used(self) -> Mapping[str, int]:
        """The keys used on a later day than the store knows, each with that day; once."""
        used, self._used = self._used, {}
        return used

    def _check_age(self) -> None:
        if self._read_at is None or self._monotonic() - self._read_at > STALE_S:
            raise StoreUnavailable(f"the keys could not be read for {STALE_S:.0f} s")

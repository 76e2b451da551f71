"""How often a key may ask: a token bucket for each, in this process."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.errors import PropensityError
from domain.keys import Key


class TooManyRequests(PropensityError):
    """The key has used up its rate; `retry_after_s` is when it may ask again."""

    def __init__(self, key: Key, retry_after_s: int) -> None:
        super().__init__(
            f"this key may ask {key.rate.per_second} times a second, {key.rate.burst} at once; "
            f"ask again in {retry_after_s} s"
        )
        self.limit = key.rate.burst
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> Mapping[str, str]:
        """What clients that know rate limits read. Source: draft-ietf-httpapi-ratelimit-headers-03."""
        return {
            "Retry-After": str(self.retry_after_s),
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(self.retry_after_s),
        }


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """The buckets of this process; a deployment of n processes lets through up to n times as much."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: Key) -> None:
        """One request of the key.

        Raises:
            TooManyRequests: its bucket is empty.
        """
        now, rate = self._monotonic(), key.rate
        bucket = self._buckets.get(key.key_id)
        if bucket is None:
            bucket = self._buckets[key.key_id] = _Bucket(rate.burst, now)
        filled = bucket.tokens + (now - bucket.at) * rate.per_second
        bucket.tokens, bucket.at = min(rate.burst, filled), now
        if bucket.tokens < 1:
            wait_s = (1 - bucket.tokens) / rate.per_second
            raise TooManyRequests(key, max(1, math.ceil(wait_s)))
        bucket.tokens -= 1

"""A breaker: once the store has been silent for some calls in a row, others do not wait for it."""

import asyncio
import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from adapters.dynamodb.wire.errors import is_silence
from domain.errors import StoreUnavailable

IN_A_ROW = 5
PROBE_EVERY_S = 0.5
"""So that answers are given again within two seconds of the store's return."""
PATIENCE_S = 0.1
"""A call that its caller gave up after less says nothing about the store."""
_log = logging.getLogger(__name__)


class Breaker:
    """Counts the calls in a row that got no answer at all; an error is an answer.

    Once there are IN_A_ROW of them, a call fails at once. One in PROBE_EVERY_S is made after all; its
    answer ends it.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._silent = 0
        self._answered_at = -1.0
        self._probe_at = 0.0

    @contextmanager
    def around(self) -> Generator[None]:
        """The block is one call of the store.

        Raises:
            StoreUnavailable: the store was silent, and it is not time to ask again.
        """
        began = self._monotonic()
        if self._silent >= IN_A_ROW:
            if began < self._probe_at:
                raise StoreUnavailable(
                    f"DynamoDB was silent for {IN_A_ROW} calls in a row; it is asked again every "
                    f"{PROBE_EVERY_S:g} s"
                )
            self._probe_at = began + PROBE_EVERY_S
        try:
            yield
        except asyncio.CancelledError:
            if self._monotonic() - began >= PATIENCE_S:
                self._failed(began)
            raise
        except Exception as exc:
            if is_silence(exc):
                self._failed(began)
            else:
                self._answered()
            raise
        self._answered()

    def _answered(self) -> None:
        was_open = self._silent >= IN_A_ROW
        self._silent, self._answered_at = 0, self._monotonic()
        if was_open:
            _log.info("store_breaker_closed")

    def _failed(self, began: float) -> None:
        """A call that began then got no answer; it counts unless another got one meanwhile."""
        if self._answered_at < began:
            self._silent += 1
            if self._silent == IN_A_ROW:
                _log.warning("store_breaker_opened", extra={"silent_calls": IN_A_ROW})
            self._probe_at = self._monotonic() + PROBE_EVERY_S

"""Reads the keys again and again while the server serves, so that a revoked one ends everywhere."""

import asyncio
import logging
import time
from contextlib import suppress

from domain.errors import PropensityError
from domain.keys import Keyring, KeyStore

EVERY_S = 1.0
"""Well below the 10 s within which a revocation holds; a strong read of a page costs a unit or two."""

_log = logging.getLogger(__name__)


class KeyPolling:
    """Keeps a keyring as the store has it, and tells the store which keys were used today."""

    def __init__(self, store: KeyStore, keyring: Keyring, *, every_s: float = EVERY_S) -> None:
        self._store = store
        self._keyring = keyring
        self._every_s = every_s
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """The keys are read once, if the store answers, and from now on."""
        await self.poll()
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """They are not read any more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def poll(self) -> None:
        """Once: the keys as they are stored now, and who used one today."""
        asked_at = time.monotonic()
        try:
            self._keyring.replace(await self._store.every(), asked_at=asked_at)
            for key_id, day in self._keyring.take_used().items():
                await self._store.mark_used(key_id, day)
        except PropensityError as exc:
            if not self._failing:
                _log.warning("keys_unreadable", extra={"reason": str(exc)})
            self._failing = True
        else:
            if self._failing:
                _log.info("keys_readable")
            self._failing = False

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.poll()
            except Exception as exc:  # noqa: BLE001  # or no key would be read any more, unsaid
                _log.error("keys_crashed", extra={"error": type(exc).__qualname__})

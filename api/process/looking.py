"""Looks at the event loop each second: how late it is, and whatever else is asked."""

import asyncio
import logging
from collections.abc import Callable

EVERY_S = 1.0
_log = logging.getLogger(__name__)


class LoopWatch:
    """Calls `look` each second with how many seconds late the event loop was.

    Whatever `look` raises, it is called again; the first failure in a row is logged.
    """

    def __init__(self, look: Callable[[float], None]) -> None:
        self._look = look
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks from now on, on the running loop."""
        self._task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Looks until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self._try(max(0.0, loop.time() - due))

    def _try(self, lag_s: float) -> None:
        try:
            self._look(lag_s)
        except Exception as exc:  # noqa: BLE001  # such as no descriptor left: when looking matters
            if not self._failing:
                _log.error("metrics of this process are not known: %s", exc)
            self._failing = True
        else:
            self._failing = False

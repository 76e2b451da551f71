"""Looks at the event loop each second: how late it is, and whatever else is asked."""

import asyncio
from collections.abc import Callable

EVERY_S = 1.0


class LoopWatch:
    """Calls `look` each second with how many seconds late the event loop was."""

    def __init__(self, look: Callable[[float], None]) -> None:
        self._look = look
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks from now on, on the running loop."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self._look(max(0.0, loop.time() - due))

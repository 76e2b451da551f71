"""Measurements of campaigns that a server makes beside serving, and how far each is."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeAlias

from api.process.errands import Errands
from domain.beside import Beside
from domain.errors import PropensityError
from domain.values import Clock

MOST = 2
"""Measurements that one process makes at a time."""
KEPT = 200
Tell: TypeAlias = Callable[[object], object]
_OUR_FAULT = "this is our fault and was logged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A measurement of a campaign: `done` of `members`. `over`; then `reason` says why it failed.

    `began_at` in microseconds since the epoch, UTC.
    """

    name: str
    days: int
    members: int
    began_at: int
    done: int = 0
    over: bool = False
    reason: str | None = None


class Measurements:
    """Starts measurements, each beside serving. What they find is kept in the store.

    How far they are is in this process' memory: another server has its own. `work` measures a
    campaign over so many days, keeps what it finds, and tells how many members are done.
    """

    def __init__(
        self,
        *,
        work: Callable[[str, int], Callable[[Tell], None]],
        beside: Beside,
        clock: Clock,
        most: int = MOST,
    ) -> None:
        self._work = work
        self._beside = beside
        self._clock = clock
        self._errands = Errands(most=most, what="measuring campaigns")
        self._states: OrderedDict[str, Measurement] = OrderedDict()
        self._lock = Lock()

    def start(self, name: str, *, days: int, members: int) -> Measurement:
        """The measurement that is under way, or a new one; it goes on when this has returned.

        Raises:
            Busy: this process makes as many as it may.
        """
        with self._lock:
            state = self._states.get(name)
            if state is not None and not state.over:
                return state
            self._errands.take()
            begun = Measurement(name=name, days=days, members=members, began_at=self._clock())
            self._keep(begun)
        self._errands.begin(lambda: self._measure(begun))
        return begun

    def state(self, name: str) -> Measurement | None:
        """The newest measurement of that campaign; None: nobody started one here."""
        with self._lock:
            return self._states.get(name)

    async def stop(self) -> None:
        """What is under way ends; returns once it has."""
        await asyncio.to_thread(self._errands.stop)

    def _measure(self, begun: Measurement) -> None:
        def tell(done: object) -> None:
            if isinstance(done, int):
                self._change(begun.name, lambda state: replace(state, done=done))

        try:
            self._beside(
                self._work(begun.name, begun.days), tell=tell, stopped=self._errands.stopped
            )
        except Exception as exc:
            reason = str(exc) if isinstance(exc, PropensityError) else _OUR_FAULT
            self._change(begun.name, lambda state: replace(state, over=True, reason=reason))
            raise
        self._change(begun.name, lambda state: replace(state, over=True))

    def _change(self, name: str, change: Callable[[Measurement], Measurement]) -> None:
        with self._lock:
            self._keep(change(self._states[name]))

    def _keep(self, state: Measurement) -> None:
        """The newest is last; those under way are never dropped."""
        self._states[state.name] = state
        self._states.move_to_end(state.name)
        over = [name for name, each in self._states.items() if each.over]
        for name in over[: max(0, len(self._states) - KEPT)]:
            del self._states[name]

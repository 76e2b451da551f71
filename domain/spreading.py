"""Spreading: calls over several processes, each answered once or given up, whoever is lost."""

import asyncio
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from domain.errors import StoreUnavailable
from domain.pacing import AdaptiveLimit, Pacing

C = TypeVar("C")
R = TypeVar("R")

MOST_TRIES = 10
"""So often a lost call is made again. Then it is given up."""
LATE_S = 30.0
"""Seconds after the deadline in which a call may still say what it has."""


class Workers(Protocol):
    """Processes that run calls, here or on other machines.

    Promises: a call's result or error comes back once. Where the process that ran it is gone, or
    all of them are, an error of `lost` comes instead. Then they may be opened again.
    """

    @property
    def count(self) -> int:
        """How many calls run at once, as far as is known."""
        ...

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """The errors that say nothing of the call: it may be made again."""
        ...

    def open(self) -> AbstractContextManager[Executor]:
        """What runs calls until the block ends; who still runs then is cancelled.

        Raises:
            StoreUnavailable: nobody is there to run them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When lost calls are no longer made again.

    `ends_at`: an instant of the pacing's clock, in seconds. `failures`: so often in a row the
    store was silent, or the workers had to be looked for, and no call was answered in between.
    """

    ends_at: float = math.inf
    failures: float = math.inf


class _Lost(Exception):
    """Nobody can say what the call came to; `silent` is the store, or else a worker is gone."""

    def __init__(self, reason: str, *, silent: bool) -> None:
        super().__init__(reason)
        self.silent = silent


@dataclass(frozen=True, slots=True)
class _Begun(Generic[C]):
    """A call that runs, and how often something had failed when it began."""

    call: C
    failed: int


class Spread(Generic[C, R]):
    """Calls of one function on their way. It and its results can be pickled.

    One pace holds for all: a worker that was refused says so by `pace`, and fewer calls run at
    once. Those in `given_up` were not answered; `trouble` says why the last one was not.
    """

    def __init__(
        self,
        function: Callable[[C], R],
        calls: Iterable[C],
        *,
        workers: Workers,
        pacing: Pacing,
        patience: Patience,
    ) -> None:
        self._function = function
        self._waiting = deque(calls)
        self._workers = workers
        self._pacing = pacing
        self._patience = patience
        self._running: dict[asyncio.Future[R], _Begun[C]] = {}
        self._tries: Counter[C] = Counter()
        self._failed = 0
        self._failed_in_a_row = 0
        self.given_up: list[C] = []
        self.trouble = ""
        self._opened = ExitStack()
        self._executor = self._opened.enter_context(workers.open())
        # A worker has the next call at hand when it is done with one.
        self._limit = AdaptiveLimit(2 * workers.count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for future in self._running:
            future.cancel()
        self._opened.close()

    def add(self, calls: Iterable[C]) -> None:
        """These are to be made too."""
        self._waiting.extend(calls)

    def pace(self, *, refused: bool) -> None:
        """The store refused something to the call that was answered last, or served all of it."""
        if refused:
            self._limit.refused()
        else:
            self._limit.served()

    async def answers(self) -> AsyncIterator[tuple[C, R]]:
        """Every call with its result, as they come; `given_up` has the others in the end.

        Raises:
            Exception: what a call raised, unless it is transient or says that its worker is lost.
        """
        while self._waiting or self._running:
            await self._submit()
            if not self._running:
                return
            done, _ = await asyncio.wait(
                self._running, timeout=self._left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                self._give_up()
            for future in done:
                begun = self._running.pop(future)
                try:
                    result = self._told(future)
                except _Lost as lost:
                    self._lose(begun, lost)
                else:
                    self._failed_in_a_row = 0
                    yield begun.call, result

    @property
    def _left(self) -> float | None:
        """Seconds until nobody waits any longer; None: for ever."""
        left = self._patience.ends_at - self._pacing.seconds()
        return None if math.isinf(left) else max(0.0, left) + LATE_S

    @property
    def _late(self) -> bool:
        return self._pacing.seconds() >= self._patience.ends_at

    @property
    def _hopeless(self) -> bool:
        return self._failed_in_a_row > self._patience.failures

    def _told(self, future: asyncio.Future[R]) -> R:
        """What a call came to.

        Raises:
            _Lost: nobody can say.
        """
        if future.cancelled():
            raise _Lost("its worker is gone", silent=False)
        try:
            return future.result()
        except self._workers.lost as exc:
            raise _Lost(f"its worker is gone ({type(exc).__name__})", silent=False) from exc
        except StoreUnavailable as exc:
            if exc.transient:
                raise _Lost(str(exc), silent=True) from exc
            raise

    async def _submit(self) -> None:
        """As many calls run as the pace allows; workers that are gone are looked for again."""
        while self._waiting and len(self._running) < self._limit.limit:
            try:
                future = self._executor.submit(self._function, self._waiting[0])
            except self._workers.lost:
                await self._reopen()
            else:
                begun = _Begun(self._waiting.popleft(), self._failed)
                self._running[asyncio.wrap_future(future)] = begun

    async def _reopen(self) -> None:
        """Looks for workers while patience lasts; then whoever is not answered is given up.

        Fewer calls run at once then: memory may have been short, or one call kills the others.
        """
        self._limit.refused()
        await asyncio.to_thread(self._opened.close)
        failures = 0
        while not (self._late or self._hopeless):
            try:
                opening = self._workers.open()
                self._executor = await asyncio.to_thread(self._opened.enter_context, opening)
            except (StoreUnavailable,) + self._workers.lost as exc:  # noqa: RUF005  # for mypy
                self.trouble = str(exc)
                self._count_failure()
                await self._pacing.pause(self._pacing.pause_after(failures))
                failures += 1
            else:
                self._count_failure()  # until a call is answered
                return
        self._give_up()

    def _lose(self, begun: _Begun[C], lost: _Lost) -> None:
        self.trouble = str(lost)
        if lost.silent and begun.failed == self._failed:  # others that ran then saw the same
            self._count_failure()
            self._limit.refused()
        self._tries[begun.call] += 1
        if self._late or self._tries[begun.call] > MOST_TRIES:
            self.given_up.append(begun.call)
        else:
            self._waiting.append(begun.call)
        if self._hopeless:
            self._drop_waiting()

    def _count_failure(self) -> None:
        self._failed += 1
        self._failed_in_a_row += 1

    def _give_up(self) -> None:
        self._drop_waiting()
        self.given_up.extend(begun.call for begun in self._running.values())
        for future in self._running:
            future.cancel()
        self._running.clear()

    def _drop_waiting(self) -> None:
        self.given_up.extend(self._waiting)
        self._waiting.clear()

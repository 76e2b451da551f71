"""Shared reads: requests that wait at the same moment are read in one round trip.

A busy server answers many customers side by side. A request that comes while others are being answered
waits until the event loop brings nobody new, which takes no longer than it has other things to do. Then
all that wait share one batch. A request that comes alone is read at once.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakKeyDictionary

from domain.cost import Units, count_round_trip, count_units, metered_context
from domain.errors import PropensityError
from domain.recent.history import RecentHistory
from domain.recent.ports import BATCH_CUSTOMERS, RecentPurchases


@dataclass(frozen=True, slots=True)
class _Found:
    """One customer's history out of a batch, and this customer's part of what the batch cost."""

    history: RecentHistory
    round_trips: int
    units: Units


Waiting: TypeAlias = "dict[str, asyncio.Future[_Found | None]]"


QUIET_TURNS = 2
"""A batch leaves once so many turns of the loop brought nobody new: a request needs one to be read
from its connection, and one to come here."""
MOST_TURNS = 16
"""Nobody waits for more turns than that, however many come."""


@dataclass(slots=True)
class _Here:
    """Who waits for a batch in one event loop."""

    waiting: Waiting = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SharedReads:
    """Reads single customers of the recent purchases; on a busy event loop, many at once.

    A batch is tried once. Whom it leaves unread is read alone, as if nobody else had asked, so
    that no request's deadline or failure is another's. Units are shared evenly; the round trip counts
    for the first.
    """

    recent: RecentPurchases
    _loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = field(
        default_factory=WeakKeyDictionary, init=False
    )
    _batches: set["asyncio.Task[None]"] = field(default_factory=set, init=False)

    @property
    def complete_since(self) -> int:
        """The UTC day before which no history can be complete; see RecentPurchases."""
        return self.recent.complete_since

    async def one(self, customer_id: str, /, *, others: int) -> RecentHistory:
        """One customer's history; see RecentPurchases. So many `others` are being answered here."""
        if not others:
            return await self.recent.one(customer_id)
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop) or self._loops.setdefault(loop, _Here())
        if customer_id in here.waiting:
            return await self.recent.one(customer_id)
        if not here.waiting:
            loop.call_soon(self._gather, here, loop)
        future = here.waiting[customer_id] = loop.create_future()
        found: _Found | None = await future
        if found is None:
            return await self.recent.one(customer_id)
        if found.round_trips:
            count_round_trip()
        count_units(reads=found.units)
        return found.history

    def _gather(
        self,
        here: _Here,
        loop: asyncio.AbstractEventLoop,
        known: int = 0,
        quiet: int = 0,
        turns: int = 1,
    ) -> None:
        """Has the waiting read, or looks again in the next turn, if this one brought somebody."""
        quiet = quiet + 1 if len(here.waiting) == known else 0
        if quiet == QUIET_TURNS or turns == MOST_TURNS:
            self._read_waiting(here, loop)
        else:
            loop.call_soon(self._gather, here, loop, len(here.waiting), quiet, turns + 1)

    def _read_waiting(self, here: _Here, loop: asyncio.AbstractEventLoop) -> None:
        waiting, here.waiting = here.waiting, {}
        readers = {customer: future for customer, future in waiting.items() if not future.done()}
        customers = list(readers)
        if len(customers) == 1:
            readers[customers[0]].set_result(None)
            return
        for start in range(0, len(customers), BATCH_CUSTOMERS):
            some = {
                customer: readers[customer]
                for customer in customers[start : start + BATCH_CUSTOMERS]
            }
            batch = loop.create_task(self._read(some))
            self._batches.add(batch)  # else it might be collected before it ends
            batch.add_done_callback(self._batches.discard)

    async def _read(self, readers: Waiting) -> None:
        found: dict[str, _Found] = {}
        context, cost = metered_context(apart=True)
        try:
            batch = await asyncio.get_running_loop().create_task(
                self.recent.read(list(readers)), context=context
            )
            units = Units(cost.reads.measured / len(readers), cost.reads.computed / len(readers))
            for place, history in enumerate(batch.histories):
                round_trips = cost.round_trips if place == 0 else 0
                found[history.customer_id] = _Found(history, round_trips, units)
        except PropensityError:
            pass  # each asks alone, and hears of the trouble itself
        finally:
            for customer, future in readers.items():
                if not future.done():
                    future.set_result(found.get(customer))

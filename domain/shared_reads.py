"""Shared reads: requests that wait at the same moment are read in one round trip.

A busy server answers many customers side by side. Whoever asks while others do shares one batch
with them; nobody waits for company, and whoever asks alone is read alone.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakKeyDictionary

from domain.audience_reads import BATCH
from domain.cost import Units, count_round_trip, count_units, metered_context
from domain.errors import PropensityError
from domain.ports import RecentPurchases
from domain.recent import RecentHistory


@dataclass(frozen=True, slots=True)
class _Found:
    """One customer's history out of a batch, and this customer's part of what the batch cost."""

    history: RecentHistory
    round_trips: int
    units: Units


Waiting: TypeAlias = "dict[str, asyncio.Future[_Found | None]]"


@dataclass(frozen=True, slots=True)
class SharedReads:
    """Reads single customers of the recent purchases, those of one turn of the event loop at once.

    A batch is tried once. Whom it leaves unread is read alone, as if nobody else had asked, so
    that no request's deadline or failure is another's. Units are shared evenly; the round trip counts
    for the first.
    """

    recent: RecentPurchases
    _waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, Waiting] = field(
        default_factory=WeakKeyDictionary, init=False
    )
    _reading: set["asyncio.Task[None]"] = field(default_factory=set, init=False)

    @property
    def complete_since(self) -> int:
        """The UTC day before which no history can be complete; see RecentPurchases."""
        return self.recent.complete_since

    async def one(self, customer_id: str, /) -> RecentHistory:
        """One customer's history; see RecentPurchases."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, {})
        if not waiting:
            loop.call_soon(self._read_waiting, loop)
        if customer_id in waiting:
            return await self.recent.one(customer_id)
        future = waiting[customer_id] = loop.create_future()
        found: _Found | None = await future
        if found is None:
            return await self.recent.one(customer_id)
        if found.round_trips:
            count_round_trip()
        count_units(reads=found.units)
        return found.history

    def _read_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._waiting.pop(loop)
        asked = {customer: future for customer, future in waiting.items() if not future.done()}
        customers = list(asked)
        if len(customers) == 1:
            asked[customers[0]].set_result(None)
            return
        for start in range(0, len(customers), BATCH):
            some = {customer: asked[customer] for customer in customers[start : start + BATCH]}
            reading = loop.create_task(self._read(some))
            self._reading.add(reading)  # else it might be collected before it ends
            reading.add_done_callback(self._reading.discard)

    async def _read(self, asked: Waiting) -> None:
        found: dict[str, _Found] = {}
        context, cost = metered_context(apart=True)
        try:
            batch = await asyncio.get_running_loop().create_task(
                self.recent.read(list(asked)), context=context
            )
            units = Units(cost.reads.measured / len(asked), cost.reads.computed / len(asked))
            for place, history in enumerate(batch.histories):
                round_trips = cost.round_trips if place == 0 else 0
                found[history.customer_id] = _Found(history, round_trips, units)
        except PropensityError:
            pass  # each asks alone, and hears of the trouble itself
        finally:
            for customer, future in asked.items():
                if not future.done():
                    future.set_result(found.get(customer))

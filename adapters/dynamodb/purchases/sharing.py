"""Purchases of one customer that wait at the same moment share their transactions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakKeyDictionary

from adapters.dynamodb.wire import Deadline
from domain.errors import CorruptRecord, StoreUnavailable
from domain.purchases import Purchase, Recording

Recordings: TypeAlias = Mapping[str, Recording]
"""By purchase id."""
Record: TypeAlias = Callable[[Sequence[Purchase], Deadline], Awaitable[Recordings]]
"""Writes purchases of one customer with distinct ids; the outcome of each."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who waits until the customer's transactions under way are over."""

    purchases: Sequence[Purchase]
    deadline: Deadline
    context: Context = field(default_factory=copy_context)
    turn: "asyncio.Future[tuple[asyncio.Task[Recordings], bool]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Resolved once their purchases are being written: by which task, and whether by themselves."""


_Here: TypeAlias = dict[str, list[_Caller]]
"""Of one event loop: who waits, by the customers whose purchases are being written."""


class SharedTransactions:
    """One customer's purchases are written by one call of `record` after the other.

    Two at once would be in conflict, and one of them be tried again. What comes meanwhile waits,
    and all of it is written at once. Payloads under one id still go one after the other. A call that
    serves several callers counts as the cost of the one who came first.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = WeakKeyDictionary()

    async def record(self, purchases: Sequence[Purchase], deadline: Deadline) -> Recordings:
        """The outcome of each of these purchases, and perhaps of others.

        Raises:
            StoreUnavailable: some may be recorded; sending all of them again is safe.
            CorruptRecord: as `record` raises it, for these purchases.
        """
        loop, customer = asyncio.get_running_loop(), purchases[0].customer_id
        here = self._loops.get(loop)
        if here is None:
            here = self._loops[loop] = {}
        if customer in here:
            return await self._in_turn(here[customer], _Caller(purchases, deadline))
        here[customer] = []
        try:
            return await self._record(purchases, deadline)
        finally:
            self._go_on(here, customer)

    async def _in_turn(self, waiting: list[_Caller], caller: _Caller) -> Recordings:
        waiting.append(caller)
        try:
            async with asyncio.timeout(caller.deadline.left()):
                task, alone = await caller.turn
                try:
                    return await asyncio.shield(task)  # the others need it, whoever gives up
                except CorruptRecord:
                    if alone:
                        raise
                    return await self.record(caller.purchases, caller.deadline)
        except TimeoutError as exc:
            raise StoreUnavailable("DynamoDB did not answer before the deadline") from exc

    def _go_on(self, here: _Here, customer: str) -> None:
        """Those who wait are written next: all of them, but for an id that comes twice."""
        waiting = [caller for caller in here.pop(customer) if not caller.turn.done()]
        if not waiting:
            return
        together: list[_Caller] = []
        ids: set[str] = set()
        here[customer] = []
        for caller in waiting:
            theirs = {purchase.purchase_id for purchase in caller.purchases}
            (here[customer] if ids & theirs else together).append(caller)
            ids |= theirs
        context = together[0].context
        task = asyncio.create_task(self._next(here, customer, together), context=context)
        for caller in together:
            caller.turn.set_result((task, len(together) == 1))

    async def _next(self, here: _Here, customer: str, together: Sequence[_Caller]) -> Recordings:
        purchases = [purchase for caller in together for purchase in caller.purchases]
        deadline = max((caller.deadline for caller in together), key=Deadline.left)
        try:
            return await self._record(purchases, deadline)
        finally:
            self._go_on(here, customer)

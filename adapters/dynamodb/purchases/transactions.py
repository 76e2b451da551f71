"""Transactions: what becomes of purchases, and their customer's recent item, or neither."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from botocore.exceptions import ClientError

from adapters.dynamodb.recent import RecentUpdate, part_of, stored_recent
from adapters.dynamodb.wire import (
    VENDOR,
    Deadline,
    DynamoClient,
    Reason,
    cancellation_reasons,
    is_transient,
)
from domain.errors import PropensityError, StoreUnavailable

MOST_ACTIONS = 100
"""Source: AWS, TransactWriteItems."""
_OPERATION = "TransactWriteItems"
_MORE_AFTER_A_COMMIT = 1 / 8
"""Where every second purchase is refused, hardly two customers go together, and little is wasted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a transaction was not committed, or may not have been.

    `of_purchases` has the reason of each of the first parts, where the store told them. `recent` is
    the item because of which the update was refused; None: it was not the reason. `innocent`: others
    that went together with it were the reason, so it may be tried again at once.
    """

    failure: Exception
    of_purchases: Sequence[Reason] = ()
    recent: Mapping[str, Any] | None = None
    innocent: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """One customer's parts, and who waits for what becomes of them."""

    parts: Sequence[Mapping[str, Any]]
    update: RecentUpdate
    deadline: Deadline
    context: Context = field(default_factory=copy_context)
    outcome: "asyncio.Future[Refusal | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def actions(self, recent: type[Any]) -> Sequence[Mapping[str, Any]]:
        """The parts, and the update of the recent item as the last one."""
        return [*self.parts, part_of(self.update, recent)]

    def succeed(self, refusal: Refusal | None) -> None:
        """What became of it is known."""
        if not self.outcome.done():
            self.outcome.set_result(refusal)

    def fail(self, error: PropensityError) -> None:
        """It is not known what became of it."""
        if not self.outcome.done():
            self.outcome.set_exception(error)


@dataclass(slots=True)
class _Here:
    """Of one event loop: what waits to be sent, and what is on its way."""

    waiting: list[_Attempt] = field(default_factory=list[_Attempt])
    under_way: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])


class Transactions:
    """One transaction for each customer; or one for several, for whoever writes in bulk.

    What is tried in one turn of the event loop goes together, of at most `together` customers. So does
    what waits while there is a transaction on every connection: else a bulk would fall apart into
    ever smaller ones. A refusal refuses all of them, and all are paid for. So half as many go together
    after one, and one more after some commits. One transaction counts as the cost of its first customer.
    """

    def __init__(self, client: DynamoClient, *, together: int = 1) -> None:
        self._client = client
        self._most = together
        self._together = float(together)
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = WeakKeyDictionary()

    async def commit(
        self, parts: Sequence[Mapping[str, Any]], update: RecentUpdate, deadline: Deadline
    ) -> Refusal | None:
        """None once it is committed. It is tried once.

        Raises:
            StoreUnavailable: there was no answer before the deadline; it may be committed.
        """
        attempt = _Attempt(parts, update, deadline)
        if self._most == 1:
            await self._try([attempt])
            return attempt.outcome.result()
        loop = asyncio.get_running_loop()
        here = self._loops.setdefault(loop, _Here())
        if not here.waiting:
            loop.call_soon(self._send, here)
        here.waiting.append(attempt)
        try:
            async with asyncio.timeout(deadline.left()):
                return await attempt.outcome
        except TimeoutError as exc:
            raise StoreUnavailable("DynamoDB did not answer before the deadline") from exc

    def _send(self, here: _Here) -> None:
        """What waits is on its way, as far as there are connections."""
        here.waiting[:] = [each for each in here.waiting if not each.outcome.done()]
        while here.waiting and len(here.under_way) < self._client.options.connections:
            group = _group(here.waiting, most=int(self._together))
            for attempt in group:
                here.waiting.remove(attempt)
            task = asyncio.create_task(self._try(group), context=group[0].context)
            here.under_way.add(task)
            task.add_done_callback(partial(self._ended, here))

    def _ended(self, here: _Here, task: "asyncio.Task[None]") -> None:
        here.under_way.discard(task)
        self._send(here)

    async def _try(self, group: Sequence[_Attempt]) -> None:
        """Each of them has its outcome once this returns."""
        recent = self._client.recent
        parts = [part for attempt in group for part in attempt.actions(recent)]
        deadline = max((attempt.deadline for attempt in group), key=Deadline.left)
        try:
            await self._client.call_once(deadline, _OPERATION, {"TransactItems": parts})
        except StoreUnavailable as exc:
            for attempt in group:
                attempt.fail(exc)
        except VENDOR as exc:
            self._together = max(1, self._together / 2)
            await self._refused(group, exc)
        else:
            self._together = min(self._most, self._together + _MORE_AFTER_A_COMMIT)
            for attempt in group:
                attempt.succeed(None)

    async def _refused(self, group: Sequence[_Attempt], failure: Exception) -> None:
        reasons = list(cancellation_reasons(failure))
        if len(group) == 1:
            await self._told(group[0], failure, reasons)
        elif len(reasons) == sum(len(attempt.parts) + 1 for attempt in group):
            for attempt in group:
                own, reasons = _split(reasons, len(attempt.parts) + 1)
                only = {**getattr(failure, "response", {}), "CancellationReasons": own}
                await self._told(attempt, ClientError(only, _OPERATION), own)
        elif is_transient(failure):
            for attempt in group:
                attempt.succeed(Refusal(failure=failure))
        else:  # one of them may be the reason
            await asyncio.gather(*(self._try([attempt]) for attempt in group))

    async def _told(self, attempt: _Attempt, failure: Exception, reasons: Sequence[Reason]) -> None:
        """The attempt was refused for these reasons of its own."""
        if not reasons:
            attempt.succeed(Refusal(failure=failure))
            return
        try:
            recent = await stored_recent(
                self._client, attempt.update, reasons[-1], attempt.deadline
            )
        except PropensityError as exc:
            attempt.fail(exc)
            return
        innocent = all(reason.get("Code") == "None" for reason in reasons)
        attempt.succeed(
            Refusal(failure=failure, of_purchases=reasons[:-1], recent=recent, innocent=innocent)
        )


def _group(waiting: Sequence[_Attempt], *, most: int) -> Sequence[_Attempt]:
    """The first of them, and as many others as go together with it: each of another customer."""
    group: list[_Attempt] = []
    customers: set[str] = set()
    actions = 0
    for attempt in waiting:
        actions += len(attempt.parts) + 1
        if group and (len(group) == most or actions > MOST_ACTIONS):
            break
        if attempt.update.customer_id in customers:
            break
        customers.add(attempt.update.customer_id)
        group.append(attempt)
    return group


def _split(reasons: list[Reason], at: int) -> tuple[list[Reason], list[Reason]]:
    return reasons[:at], reasons[at:]

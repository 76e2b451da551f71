"""The worker: purchases and cancellations from a queue, nothing lost, nothing twice.

A message is deleted once everything in it is recorded, known to be a duplicate, cancelled, of an
erased customer, or in the dead-letter queue with its reason. Until then it stays and comes again,
which is harmless.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from api.intake import Cancelled, Item, Refused, Sent, items_of
from domain.errors import InvalidRequest, PartlyRecorded, PropensityError, Unavailable
from domain.purchases import CancelPurchase, Outcome, PurchaseOutcome, RecordPurchases
from domain.queue import Message, MessageQueue

WAIT_S = 10
"""Of one long poll: what arrives while a worker stops is still handled within 30 s."""
DRAIN_S = 20.0
"""For what a worker that stops has begun; then it is left, and comes again."""
MOST_LETTER_BYTES = 1_000_000
_PAUSE_S = 1.0
_REFUSED = (Outcome.REJECTED, Outcome.CONFLICT)
"""What becomes a dead letter; of an erased customer nothing does, for a queue is storage too."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Handled:
    """One message under way: what in it is refused, and whether all of it is known."""

    refused: list[Refused] = field(default_factory=list)
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Consume:
    """Records and cancels what messages hold; whatever cannot be goes to the dead letters."""

    record: RecordPurchases
    cancel: CancelPurchase
    dead_letters: MessageQueue
    counts: Counter[str] = field(default_factory=Counter)

    async def __call__(self, messages: Sequence[Message], /) -> list[Message]:
        """The messages that may be deleted; the others had trouble that may pass.

        All purchases together are one call: one transaction per customer and batch. Where that
        breaks, each message is tried alone, so that one cannot hold back its neighbours.
        """
        try:
            return await self._together(messages)
        except Exception as exc:  # noqa: BLE001  # whatever it is, it is one message's trouble
            # What it says may hold what a customer sent.
            _log.error("%d messages: unexpected %s", len(messages), type(exc).__qualname__)
        if len(messages) == 1:
            self.counts["left"] += 1
            return []
        return [done for message in messages for done in await self([message])]

    async def _together(self, messages: Sequence[Message]) -> list[Message]:
        handled = [_Handled() for _ in messages]
        sent: list[tuple[_Handled, Sent]] = []
        cancelled: list[tuple[_Handled, Cancelled]] = []
        for of_message, message in zip(handled, messages, strict=True):
            for item in items_of(message.body):
                _sort(item, of_message, sent, cancelled)
        await self._record(sent)
        for of_message, cancellation in cancelled:
            await self._cancel(of_message, cancellation)
        settled = [
            await self._settle(message, of_message)
            for message, of_message in zip(messages, handled, strict=True)
        ]
        return [message for message, done in zip(messages, settled, strict=True) if done]

    async def _record(self, sent: Sequence[tuple[_Handled, Sent]]) -> None:
        outcomes: Sequence[object | None]
        try:
            outcomes = await self.record([purchase.raw for _, purchase in sent])
        except PartlyRecorded as exc:
            _log.warning("%s", exc)
            outcomes = exc.outcomes
        for (of_message, purchase), outcome in zip(sent, outcomes, strict=True):
            if not isinstance(outcome, PurchaseOutcome):
                of_message.known = False
                continue
            self.counts[outcome.outcome] += 1
            if outcome.outcome in _REFUSED:
                reason = f"{outcome.outcome}: {outcome.field} {outcome.reason}"
                of_message.refused.append(Refused(purchase.raw, reason))

    async def _cancel(self, of_message: _Handled, item: Cancelled) -> None:
        try:
            outcome = await self.cancel(item.customer_id, item.purchase_id)
        except InvalidRequest as exc:
            of_message.refused.append(Refused(item.raw, f"rejected: {exc}"))
        except PropensityError as exc:
            _log.warning("a cancellation was not written: %s", exc)
            of_message.known = False
        else:
            self.counts[f"cancellation {outcome}"] += 1

    async def _settle(self, message: Message, handled: _Handled) -> bool:
        """Whether the message is done with; until all of it is known, nothing is sent on."""
        if not handled.known:
            self.counts["left"] += 1
            return False
        try:
            for part in handled.refused:
                body = part.raw if isinstance(part.raw, str) else _json(part.raw)
                if len(body.encode()) > MOST_LETTER_BYTES:
                    body = message.body  # written anew it might be longer than a message may be
                await self.dead_letters.send(body, reason=part.reason, group=message.group)
                self.counts["dead letter"] += 1
        except PropensityError as exc:
            _log.warning("a dead letter was not sent: %s", exc)
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Receives, consumes and deletes, `concurrency` batches at a time."""

    queue: MessageQueue
    consume: Consume
    visibility_s: int
    concurrency: int
    drain_s: float = DRAIN_S

    async def run(self, stop: asyncio.Event) -> Mapping[str, int]:
        """What became of everything, once `stop` is set and whatever was begun is finished.

        What takes longer than `drain_s` from then on is left as if the worker had been killed.
        """
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(self._loop(stop)) for _ in range(self.concurrency)]
            await stop.wait()
            _, late = await asyncio.wait(loops, timeout=self.drain_s)
            for loop in late:
                loop.cancel()
        return dict(self.consume.counts)

    async def _loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                messages = await self.queue.receive(wait_s=WAIT_S, visibility_s=self.visibility_s)
                await self.handle(messages)
            except PropensityError as exc:
                _log.warning("%s", exc)
                await _pause(stop)
            except Exception as exc:  # noqa: BLE001  # one batch's trouble must not stop the others
                # What it says may hold what a customer sent.
                _log.error("a batch was left: unexpected %s", type(exc).__qualname__)
                await _pause(stop)

    async def handle(self, messages: Sequence[Message]) -> None:
        """One batch; what is done with is deleted, however long it takes.

        Raises:
            PropensityError: the queue did not answer; what was not deleted comes again.
        """
        if not messages:
            return
        async with self._hidden(messages):
            done = await self.consume(messages)
        await self.queue.delete(done)

    @asynccontextmanager
    async def _hidden(self, messages: Sequence[Message]) -> AsyncIterator[None]:
        """While the block runs nobody else receives the messages, if the queue can be told so."""

        async def extend() -> None:
            while True:
                await asyncio.sleep(self.visibility_s / 2)
                try:
                    await self.queue.hide(messages, seconds=self.visibility_s)
                except Unavailable as exc:
                    _log.warning("the visibility was not extended: %s", exc)

        extending = asyncio.create_task(extend())
        try:
            yield
        finally:
            extending.cancel()
            await asyncio.gather(extending, return_exceptions=True)


def _sort(
    item: Item,
    of_message: _Handled,
    sent: list[tuple[_Handled, Sent]],
    cancelled: list[tuple[_Handled, Cancelled]],
) -> None:
    match item:
        case Sent():
            sent.append((of_message, item))
        case Cancelled():
            cancelled.append((of_message, item))
        case Refused():
            of_message.refused.append(Refused(item.raw, f"unreadable: {item.reason}"))


def _json(raw: object) -> str:
    """As JSON; SQS refuses two characters that JSON allows, if they are not escaped."""
    text = msgspec.json.encode(raw).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_PAUSE_S):
            await stop.wait()
    except TimeoutError:
        return

"""The worker: purchases and cancellations from a queue, nothing lost, nothing twice.

A message is deleted once everything in it has an outcome. Refused parts are in the dead-letter
queue by then, with their reason. Until then the message stays and comes again, which is harmless.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from api.intake import items_of
from api.queue.observing import QueueObserver, Taken
from domain.errors import PartlyRecorded, PropensityError, Unavailable
from domain.purchases import Item, Outcome, PurchaseOutcome, TakeIn, Unreadable
from domain.queue import Message, MessageQueue

WAIT_S = 10
"""Of one long poll: what arrives while a worker stops is still handled within 30 s."""
DRAIN_S = 20.0
"""For what a worker that stops has begun; then it is left, and comes again."""
MOST_LETTER_BYTES = 1_000_000
_PAUSE_S = 1.0
DEPTH_EVERY_S = 30.0
"""Between two questions how much the queues hold: of each a call, which costs as much as any."""
_REFUSED = (Outcome.REJECTED, Outcome.CONFLICT)
"""What becomes a dead letter; of an erased customer nothing does, for a queue is storage too."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consume:
    """Takes in what messages hold; what is refused goes to the dead letters."""

    take_in: TakeIn
    dead_letters: MessageQueue
    counts: Counter[str] = field(default_factory=Counter)
    observer: QueueObserver | None = None

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
            self._tell(messages, [Taken.LEFT])
            return []
        return [done for message in messages for done in await self([message])]

    async def _together(self, messages: Sequence[Message]) -> list[Message]:
        held = [items_of(message.body) for message in messages]
        outcomes = await self._outcomes([item for items in held for item in items])
        answers = iter(outcomes)
        taken = [
            await self._finish(message, list(zip(items, answers, strict=False)))
            for message, items in zip(messages, held, strict=True)
        ]
        self._tell(messages, taken)
        return [
            message
            for message, outcome in zip(messages, taken, strict=True)
            if outcome is not Taken.LEFT
        ]

    def _tell(self, messages: Sequence[Message], taken: Sequence[Taken]) -> None:
        if self.observer is not None:
            for message, outcome in zip(messages, taken, strict=True):
                self.observer.taken(outcome, message.sent_at)

    async def _outcomes(self, items: Sequence[Item]) -> Sequence[object | None]:
        try:
            return await self.take_in(items)
        except PartlyRecorded as exc:
            _log.warning("%s", exc)
            return exc.outcomes

    async def _finish(
        self, message: Message, answered: Sequence[tuple[Item, object | None]]
    ) -> Taken:
        """What became of the message; until all of it is known, nothing is sent on."""
        self.counts.update(_kinds(answered))
        if any(outcome is None for _, outcome in answered):
            self.counts["left"] += 1
            return Taken.LEFT
        taken = Taken.DONE
        try:
            for item, outcome in answered:
                if isinstance(outcome, PurchaseOutcome) and outcome.outcome in _REFUSED:
                    await self._send_on(message, item, outcome)
                    taken = Taken.REFUSED
        except PropensityError as exc:
            _log.warning("a dead letter was not sent: %s", exc)
            return Taken.LEFT
        return taken

    async def _send_on(self, message: Message, item: Item, outcome: PurchaseOutcome) -> None:
        body = item.raw if isinstance(item.raw, str) else _json(item.raw)
        if len(body.encode()) > MOST_LETTER_BYTES:
            body = message.body  # written anew it might be longer than a message may be
        kind = "unreadable" if isinstance(item, Unreadable) else outcome.outcome
        reason = f"{kind}: {outcome.field} {outcome.reason}"
        await self.dead_letters.send(body, reason=reason, group=message.group)
        self.counts["dead letter"] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Receives, consumes and deletes, `concurrency` batches at a time.

    What is `beside` runs as long as the worker does.
    """

    queue: MessageQueue
    consume: Consume
    visibility_s: int
    concurrency: int
    drain_s: float = DRAIN_S
    observer: QueueObserver | None = None
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()

    async def run(self, stop: asyncio.Event) -> Mapping[str, int]:
        """What became of everything, once `stop` is set and whatever was begun is finished.

        What takes longer than `drain_s` from then on is left as if the worker had been killed.
        """
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(each()) for each in (self._look, *self.beside)]
            loops = [group.create_task(self._loop(stop)) for _ in range(self.concurrency)]
            await stop.wait()
            _, late = await asyncio.wait(loops, timeout=self.drain_s)
            for each in (*late, *beside):
                each.cancel()
        return dict(self.consume.counts)

    async def _look(self) -> None:
        """Tells the observer now and then what the queues hold."""
        while self.observer is not None:
            try:
                depths = await asyncio.gather(self.queue.depth(), self.consume.dead_letters.depth())
            except PropensityError as exc:
                _log.warning("how many messages wait is not known: %s", exc)
                self.observer.held(None, None)
            else:
                self.observer.held(*depths)
            await asyncio.sleep(DEPTH_EVERY_S)

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


def _kinds(answered: Iterable[tuple[Item, object | None]]) -> Iterator[str]:
    """What became of each, as it is counted; what cannot be read counts as a dead letter alone."""
    for item, outcome in answered:
        if isinstance(outcome, PurchaseOutcome) and not isinstance(item, Unreadable):
            cancelling = outcome.cancelling
            yield outcome.outcome if cancelling is None else f"cancellation {cancelling}"


def _json(raw: object) -> str:
    """As ASCII: SQS refuses some characters that JSON allows; NaN is read again by a replay."""
    return json.dumps(raw, separators=(",", ":"))


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_PAUSE_S):
            await stop.wait()
    except TimeoutError:
        return

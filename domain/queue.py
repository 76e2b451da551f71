"""A queue of messages, as a port."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as it was received; `receipt` belongs to this receiving of it.

    `reason` is why it is a dead letter, `group` within what its queue keeps the order; or None.
    `sent_at` is when it came into this queue, in microseconds since the epoch, UTC, by the
    queue's clock; None where the queue does not say.
    """

    receipt: str
    message_id: str
    body: str
    reason: str | None = None
    group: str | None = None
    sent_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """How many messages a queue holds: to be received, received but not deleted, sent for later."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


class MessageQueue(Protocol):
    """Messages, each at least once.

    Promises: what was sent is received until it is deleted; while it is hidden nobody receives
    it. Once nothing moves any more, the depth is what the queue holds. Every method raises
    StoreUnavailable where the queue does not answer.
    """

    async def receive(self, *, wait_s: int, visibility_s: int) -> Sequence[Message]:
        """Some messages, hidden for `visibility_s` seconds; none if none came within `wait_s`."""
        ...

    async def delete(self, messages: Sequence[Message], /) -> None:
        """None of them comes again."""
        ...

    async def hide(self, messages: Sequence[Message], /, *, seconds: int) -> None:
        """Nobody receives them for so long from now on; 0: at once."""
        ...

    async def send(self, body: str, /, *, reason: str | None, group: str | None) -> None:
        """The message is in the queue."""
        ...

    async def depth(self) -> QueueDepth:
        """How many messages there are, as far as the queue knows at the moment."""
        ...

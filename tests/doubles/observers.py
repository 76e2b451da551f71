"""Observers that keep what they are told."""

from collections import Counter
from dataclasses import dataclass, field

from api.queue import Taken
from domain.queue import QueueDepth
from domain.store_calls import StoreCall


@dataclass(slots=True)
class SeenCalls:
    """Calls to the store, and retries."""

    calls: list[StoreCall] = field(default_factory=list[StoreCall])
    retries: int = 0

    def called(self, call: StoreCall, /) -> None:
        """A call has ended."""
        self.calls.append(call)

    def retried(self) -> None:
        """What was asked is about to be asked again."""
        self.retries += 1


@dataclass(slots=True)
class SeenRequests:
    """Requests by method, route and status."""

    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])
    refused: int = 0

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:  # noqa: ARG002
        """A request has its whole answer."""
        self.answers[method, route, status] += 1

    def shed(self) -> None:
        """A request is refused."""
        self.refused += 1


@dataclass(slots=True)
class SeenMessages:
    """What became of messages, when they were sent, and what the queues held."""

    outcomes: Counter[Taken] = field(default_factory=Counter[Taken])
    sent_at: list[int | None] = field(default_factory=list[int | None])
    depths: list[tuple[QueueDepth | None, QueueDepth | None]] = field(
        default_factory=list[tuple[QueueDepth | None, QueueDepth | None]]
    )

    def taken(self, outcome: Taken, sent_at: int | None, /) -> None:
        """A message was taken."""
        self.outcomes[outcome] += 1
        self.sent_at.append(sent_at)

    def held(self, queue: QueueDepth | None, dead_letters: QueueDepth | None, /) -> None:
        """What the queues hold now."""
        self.depths.append((queue, dead_letters))

"""Observers that keep what they are told."""

from collections import Counter
from dataclasses import dataclass, field

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
class SeenDecisions:
    """What became of decisions that were to be logged."""

    in_log: Counter[str] = field(default_factory=Counter[str])
    lost: int = 0
    failures: int = 0
    in_memory: int = 0

    def logged(self, route: str, decisions: int, /) -> None:
        """So many answers of a route are in the log."""
        self.in_log[route] += decisions

    def dropped(self, decisions: int, /) -> None:
        """So many will not be."""
        self.lost += decisions

    def failed(self) -> None:
        """A file could not be written now."""
        self.failures += 1

    def waiting(self, decisions: int, /) -> None:
        """So many are in memory."""
        self.in_memory = decisions

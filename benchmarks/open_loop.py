"""Asks one server at a fixed rate, whether it answers or not, and times each answer.

A request's time counts from when it was due: a server that answers late does not slow its users
down. Each request has a connection to itself; those that are free are used again.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

import uvloop

from benchmarks.load import message
from benchmarks.usage import report
from benchmarks.workload import customer_id

_HOST = "127.0.0.1"
_END_OF_HEAD = b"\r\n\r\n"
_TICK_S = 0.002
READY_CONNECTIONS = 1_000
"""So many are open before the first request, as a load balancer keeps them; more as they are needed."""


@dataclass(slots=True)
class Seen:
    """What came back: the second in which each was due, and how long it took."""

    accepted: list[tuple[float, float]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0


class Connection(asyncio.Protocol):
    """One connection, one request at a time; free once it is answered."""

    def __init__(self, seen: Seen, free: list["Connection"]) -> None:
        self._seen = seen
        self._free = free
        self._received = b""
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It may be asked."""
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, text: bytes, due: float) -> None:
        """The request goes out."""
        self._due = due
        self.transport.write(text)

    def data_received(self, data: bytes) -> None:
        """An answer that is complete is timed."""
        self._received += data
        head, found, rest = self._received.partition(_END_OF_HEAD)
        if not found:
            return
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(rest) < length or self._due is None:
            return
        took = time.perf_counter() - self._due
        if head.startswith(b"HTTP/1.1 200"):
            self._seen.accepted.append((self._due, took))
        elif head.startswith(b"HTTP/1.1 503"):
            self._seen.refused.append(took)
        else:
            self._seen.failed += 1
        self._received, self._due = b"", None
        self._free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up before its answer has failed a request."""
        del exc
        if self._due is not None:
            self._seen.failed += 1
            self._due = None
        if self in self._free:
            self._free.remove(self)


async def ask(
    port: int, messages: Sequence[bytes], *, rate: float, seconds: float
) -> dict[str, object]:
    """The figures, and of each second how many were accepted and how late the slowest of a hundred."""
    seen, free = Seen(), list[Connection]()
    loop = asyncio.get_running_loop()
    texts, opened = cycle(messages), READY_CONNECTIONS
    opening: set[asyncio.Task[None]] = set()

    async def open_and_ask(text: bytes, due: float) -> None:
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(seen, free), _HOST, port
            )
        except OSError:
            seen.failed += 1
        else:
            connection.ask(text, due)

    for _ in range(READY_CONNECTIONS):
        _, connection = await loop.create_connection(lambda: Connection(seen, free), _HOST, port)
        free.append(connection)
    began = time.perf_counter()
    sent = 0
    while (now := time.perf_counter() - began) < seconds:
        while sent < rate * now:
            due, text = began + sent / rate, next(texts)
            sent += 1
            if free:
                free.pop().ask(text, due)
            else:
                opened += 1
                task = loop.create_task(open_and_ask(text, due))
                opening.add(task)
                task.add_done_callback(opening.discard)
        await asyncio.sleep(_TICK_S)
    await asyncio.sleep(2.0)  # for the last answers
    return figures(seen, began, seconds) | {"sent": sent, "connections": opened}


def figures(seen: Seen, began: float, seconds: float) -> dict[str, object]:
    """What was seen, in numbers per second and milliseconds."""
    return {
        "goodput": len(seen.accepted) / seconds,
        "refused": len(seen.refused) / seconds,
        "failed": seen.failed,
        **{f"p{share}_ms": 1e3 * at(took_of(seen), share) for share in (50, 99)},
        "refused_p50_ms": 1e3 * at(seen.refused, 50),
        "refused_p99_ms": 1e3 * at(seen.refused, 99),
        "seconds": list(_windows(seen, began, int(seconds))),
    }


def took_of(seen: Seen) -> list[float]:
    """How long each accepted request took."""
    return [took for _, took in seen.accepted]


def at(values: Sequence[float], share: int) -> float:
    """This percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else 0.0


def _windows(seen: Seen, began: float, seconds: int) -> Iterator[dict[str, float]]:
    for second in range(seconds):
        within = [took for due, took in seen.accepted if second <= due - began < second + 1]
        yield {"accepted": len(within), "p99_ms": 1e3 * at(within, 99)}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--path", required=True, help="{customer} is each customer's id")
    arguments.add_argument("--customers", type=int, default=500)
    arguments.add_argument("--rate", type=float, required=True, help="requests a second")
    arguments.add_argument("--seconds", type=float, default=10.0)
    options = arguments.parse_args()
    asked_for = [
        message(options.path.replace("{customer}", customer), None)
        for customer in map(customer_id, range(options.customers))
    ]
    report(uvloop.run(ask(options.port, asked_for, rate=options.rate, seconds=options.seconds)))

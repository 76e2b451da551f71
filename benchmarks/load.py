"""Asks one server over kept-alive connections, so many requests in flight, and times each answer.

A process of its own, so that neither its CPU time nor its pauses are the server's. It is about ten
times as quick as the quickest service measured here.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from typing import cast

import uvloop

from benchmarks.usage import report
from benchmarks.workload import customer_id

_HOST = "127.0.0.1"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(slots=True)
class Asked:
    """What became of the requests so far."""

    left: int
    messages: Iterator[bytes]
    seconds: list[float] = field(default_factory=list)
    failed: int = 0


class AskingConnection(asyncio.Protocol):
    """One connection, one request in flight; the next one as soon as it is answered."""

    def __init__(self, asked: Asked, done: asyncio.Future[None]) -> None:
        self._asked = asked
        self._done = done
        self._received = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first request goes out."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        if self._asked.left == 0:
            self._transport.close()
            self._done.set_result(None)
            return
        self._asked.left -= 1
        self._began = time.perf_counter()
        self._transport.write(next(self._asked.messages))

    def data_received(self, data: bytes) -> None:
        """An answer that is complete is timed."""
        self._received += data
        end_of_head = self._received.find(_END_OF_HEAD)
        if end_of_head < 0:
            return
        head = self._received[:end_of_head].lower()
        length = int(head.split(_LENGTH, 1)[1].split(b"\r\n", 1)[0])
        if len(self._received) < end_of_head + len(_END_OF_HEAD) + length:
            return
        self._asked.seconds.append(time.perf_counter() - self._began)
        if not head.startswith(b"http/1.1 200"):
            self._asked.failed += 1
        self._received = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up has failed a request."""
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up"))


def message(path: str, body: str | None) -> bytes:
    """One request as it goes over the wire: a GET, or with a JSON body a POST."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: {_HOST}\r\n\r\n".encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: {_HOST}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


async def ask(
    port: int, messages: Sequence[bytes], *, requests: int, in_flight: int
) -> dict[str, object]:
    """The figures: seconds in all, requests that failed, and the latencies' percentiles in ms.

    Raises:
        OSError: the server hung up, or is not there.
    """
    asked = Asked(requests, cycle(messages))
    loop = asyncio.get_running_loop()
    done = [loop.create_future() for _ in range(in_flight)]
    began = time.perf_counter()
    for each in done:
        await loop.create_connection(partial(AskingConnection, asked, each), _HOST, port)
    await asyncio.gather(*done)
    seconds = time.perf_counter() - began
    ordered = sorted(asked.seconds)
    return {
        "requests": len(ordered),
        "seconds": seconds,
        "failed": asked.failed,
        **{
            f"p{share * 100:g}_ms": 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
            for share in (0.5, 0.99, 0.999)
        },
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--path", required=True, help="{customer} is each customer's id")
    arguments.add_argument("--body", help="JSON to POST, {customer} as in the path; else GET")
    arguments.add_argument("--customers", type=int, default=500)
    arguments.add_argument("--requests", type=int, default=2_000)
    arguments.add_argument("--in-flight", type=int, default=16)
    options = arguments.parse_args()
    asked_for = [
        message(
            options.path.replace("{customer}", customer),
            options.body and options.body.replace("{customer}", customer),
        )
        for customer in map(customer_id, range(options.customers))
    ]
    report(
        uvloop.run(
            ask(options.port, asked_for, requests=options.requests, in_flight=options.in_flight)
        )
    )

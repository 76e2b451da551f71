"""Admission: so many requests in work, a short queue, and a refusal at once beyond it."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus

from litestar.types import HTTPScope, Send

from api.http.openapi import NDJSON, PROBLEM_JSON
from api.process.tally import Tally

MOST_WAIT_S = 1.0
BULK_SHARE = 4
"""One place in so many may be taken by streams and pages of audiences."""
_ALWAYS = ("/livez", "/readyz", "/docs", "/snippet.js", "/demo-shop", "/console")
_AUDIENCES = "/v1/categories/"
_PURCHASES = "/v1/purchases"
RETRY_AFTER = "1"
OVERLOADED = json.dumps(
    {
        "type": "urn:propensity:problem:overloaded",
        "title": HTTPStatus.SERVICE_UNAVAILABLE.phrase,
        "status": int(HTTPStatus.SERVICE_UNAVAILABLE),
        "detail": "this process has as many requests in work as it takes; ask again in a second",
    }
).encode()
_log = logging.getLogger(__name__)


class Kind(Enum):
    """What is shed last, and what first."""

    ALWAYS = auto()
    ONE = auto()
    BULK = auto()


def is_always(path: str) -> bool:
    """Whether it is answered whatever the load: health, what is read from memory, and the console.

    Operators look at the console when there is too much load.
    """
    return path == "/" or path.startswith(_ALWAYS)


def kind_of(scope: HTTPScope) -> Kind:
    """What kind of request this is, by its path and the kind of its body."""
    path = scope["path"]
    if is_always(path):
        return Kind.ALWAYS
    if path.startswith(_AUDIENCES):
        return Kind.BULK
    if path == _PURCHASES and any(
        name == b"content-type" and value.startswith(NDJSON.encode())
        for name, value in scope["headers"]
    ):
        return Kind.BULK
    return Kind.ONE


class Overloaded(Exception):
    """There is no place, and none in the queue."""


class Admission:
    """The places of one process. Not thread-safe: all of it happens on the event loop.

    At most `in_work` requests are worked on, and `waiting` wait for a place, the first first. Bulk
    requests get a quarter of the places, and never wait.
    """

    def __init__(self, *, in_work: int, waiting: int) -> None:
        self.in_work = in_work
        self.most = in_work + waiting
        self.working = self.bulk = self.shed = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._most_waiting = waiting
        self._tally = Tally(_tell_shed)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    async def enter(self, kind: Kind) -> None:
        """Returns with a place, which `leave` gives back.

        Raises:
            Overloaded: there is none, or none in time.
        """
        if kind is Kind.BULK:
            if self._waiting or self.bulk >= max(1, self.in_work // BULK_SHARE):
                raise Overloaded
            if self.working >= self.in_work:
                raise Overloaded
            self.bulk += 1
        elif self.working >= self.in_work:
            await self._wait()
            return  # with the place of the one who left
        self.working += 1

    def leave(self, kind: Kind) -> None:
        """The place goes to the first who waits, or is free."""
        if kind is Kind.BULK:
            self.bulk -= 1
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                return
        self.working -= 1

    def count_shed(self) -> None:
        """One request was refused; told once a minute, with the count."""
        self.shed += 1
        self._tally.add("shed")

    async def _wait(self) -> None:
        if len(self._waiting) >= self._most_waiting:
            raise Overloaded
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(MOST_WAIT_S):
                await place
        except BaseException as exc:
            if place.done() and not place.cancelled():
                self.leave(Kind.ONE)  # it came at the very moment that we gave up
            elif place in self._waiting:
                self._waiting.remove(place)
            if isinstance(exc, TimeoutError):
                raise Overloaded from exc
            raise


def _tell_shed(counts: Mapping[str, int]) -> None:
    _log.warning("requests_shed", extra={"count": counts["shed"]})


async def answer_overloaded(send: Send) -> None:
    """503, without anything of the request being read."""
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(OVERLOADED)).encode()),
        (b"retry-after", RETRY_AFTER.encode()),
        (b"cache-control", b"no-store"),
    ]
    status = int(HTTPStatus.SERVICE_UNAVAILABLE)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": OVERLOADED, "more_body": False})

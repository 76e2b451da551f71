"""How long a connection may be silent, and how streams end when the server stops."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from litestar.exceptions import HTTPException
from litestar.types import HTTPReceiveMessage, Receive

from domain.errors import Unavailable

T = TypeVar("T")
_CLOSE = {"Connection": "close"}


class ServerStops(Unavailable):
    """The server stops before the answer is complete; another one may be asked."""


class SilentClient(HTTPException):
    """The client sent nothing of its body for too long."""

    status_code = HTTPStatus.REQUEST_TIMEOUT


class Stopping:
    """Tells the streams of this process when they must end; one moment for each event loop.

    `announced`: the process stops soon, and answers everything until then.
    """

    def __init__(self) -> None:
        self.announced = False
        self._ends: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = (
            WeakKeyDictionary()
        )

    def begin(self, *, within_s: float) -> None:
        """Streams go on for so long, then they end with a line that says why."""
        asyncio.get_running_loop().call_later(within_s, self._ended().set)

    async def until(self, chunks: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """The same chunks, as long as the server goes on; nothing is read any more once this ends.

        Raises:
            ServerStops: it stops, and there are more.
        """
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._ended().wait())]
        try:
            while True:
                following = asyncio.ensure_future(anext(chunks, None))
                tasks[1:] = [following]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    raise ServerStops("the server stops; ask again for the rest")
                chunk = following.result()
                if chunk is None:
                    return
                yield chunk
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self) -> asyncio.Event:
        return self._ends.setdefault(asyncio.get_running_loop(), asyncio.Event())


STOPPING = Stopping()


def impatient(receive: Receive, *, silence_s: float) -> Receive:
    """Receives a body whose client may be silent for so long, and no longer.

    Raises:
        SilentClient: it was.
    """
    more = True

    async def receive_in_time() -> HTTPReceiveMessage:
        nonlocal more
        try:
            async with asyncio.timeout(silence_s if more else None):
                message = cast("HTTPReceiveMessage", await receive())
        except TimeoutError as exc:
            detail = f"nothing of the body came for {silence_s:g} s; send it again"
            raise SilentClient(detail=detail, headers=_CLOSE) from exc
        more = message["type"] == "http.request" and message.get("more_body", False)
        return message

    return receive_in_time

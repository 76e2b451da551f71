"""Connections as uvicorn's protocol sees them: a head in time, and a word when the server stops."""

import asyncio
import re
from functools import cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.admission import OVERLOADED, RETRY_AFTER, Admission, is_always
from api.http.app import ADMISSION
from api.http.connections import STOPPING
from api.process import Settings, load_settings

_LEFT = 0.8
"""Of the graceful stop; what is left is for the last lines to be read."""
_BODY = (
    b'{"type":"urn:propensity:problem:request-timeout","title":"Request Timeout","status":408,'
    b'"detail":"the head of the request did not come in time; send it again"}'
)
_REQUEST_TIMEOUT = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\ncontent-length: "
    + str(len(_BODY)).encode()
    + b"\r\nconnection: close\r\n\r\n"
    + _BODY
)


_OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n"
    b"cache-control: no-store\r\nretry-after: "
    + RETRY_AFTER.encode()
    + b"\r\ncontent-length: "
    + str(len(OVERLOADED)).encode()
    + b"\r\n\r\n"
    + OVERLOADED
)


_END = b"\r\n\r\n"
_UNUSUAL = re.compile(rb"\n(?:transfer-encoding|connection|expect|upgrade):", re.IGNORECASE)
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r", re.IGNORECASE)


class _Refused:
    """In place of a request's cycle: it is answered, and nobody reads its body."""

    response_complete = True
    more_body = False
    message_event = asyncio.Event()


_REFUSED = _Refused()


def _path_of_whole(data: bytes) -> bytes | None:
    """The path, where this is exactly one whole request of the plainest form; else None."""
    head, _, body = data.partition(_END)
    if not data.startswith((b"GET /", b"POST /")) or _UNUSUAL.search(head):
        return None
    line = head.partition(b"\r\n")[0]
    if not line.endswith(b" HTTP/1.1"):
        return None
    lengths = _LENGTH.findall(head + b"\r")
    if len(body) != (int(lengths[0]) if len(lengths) == 1 else 0) or len(lengths) > 1:
        return None
    path: bytes = line.split(b" ", 2)[1].partition(b"?")[0]
    return path if _END in data else None


def _admission_of(app: Any) -> Admission:
    """The application's, also within uvicorn's middleware for proxies."""
    while not hasattr(app, "state"):
        app = app.app
    admission: Admission = app.state[ADMISSION]
    return admission


@cache
def _settings() -> Settings:
    """Those of the process; read once, not for each connection."""
    return load_settings()


class TimedProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose clients must send the head of a request within the settings' silence.

    A connection on which nothing came is closed without a word. One that is between requests is
    kept for as long as uvicorn is told.
    """

    _silence: asyncio.TimerHandle | None = None
    _between = True
    """Whether the next byte begins a request."""
    _head_due = False
    """Whether a head has begun that did not end yet; most come in one piece, and need no timer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._admission = _admission_of(self.app)
        self._most = self._admission.most

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is due."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        """Whether everything that came is answered, and nothing is half there."""
        return self._between and (self.cycle is None or self.cycle.response_complete)

    def _is_full(self) -> bool:
        """Whether the process has as many requests as it takes.

        A request that was answered in this turn of the loop is among uvicorn's tasks until the next.
        """
        tasks = self.tasks
        return len(tasks) >= self._most and sum(not task.done() for task in tasks) >= self._most

    def _refused_unparsed(self, data: bytes) -> bool:
        path = _path_of_whole(data)
        if path is None or is_always(path.decode("latin-1")):
            return False
        self._admission.count_shed()
        self.transport.write(_OVERLOADED)
        if self._silence is not None:  # the connection's first request: it is kept from now on
            self._stop_waiting()
            self.cycle = _REFUSED  # type: ignore[assignment]  # as in _refuse
            self.on_response_complete()
        return True

    def on_message_begin(self) -> None:
        """The head of a request has begun."""
        self._between, self._head_due = False, True
        self._stop_waiting()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there; beyond what the process takes, it is refused before it costs more."""
        self._head_due = False
        self._stop_waiting()
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self._is_full() and not is_always(self.url.decode("latin-1")):
            self._refuse()
        else:
            super().on_headers_complete()
            if STOPPING.announced:
                self.cycle.keep_alive = False  # the next request is for another server

    def _refuse(self) -> None:
        self._admission.count_shed()
        self.cycle = _REFUSED  # type: ignore[assignment]  # what it does to what follows is the same
        self.transport.write(_OVERLOADED)
        if self.parser.get_http_version() == "1.0" or not self.parser.should_keep_alive():
            self.transport.close()
        else:
            self.on_response_complete()

    def on_response_complete(self) -> None:
        """Where the answer came before the body's end, the rest must go on coming, or this closes."""
        super().on_response_complete()
        if self.cycle.more_body:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Beyond what the process takes, a whole request is refused before it is parsed.

        The rest of an answered body is no silence.
        """
        if self._is_full() and self._is_idle() and self._refused_unparsed(data):
            return
        if self._silence is not None and self._is_draining():
            self._wait()
        super().data_received(data)
        if self._head_due and self._silence is None:
            self._wait()

    def on_message_complete(self) -> None:
        """The body is there to its end."""
        self._between = True
        self._stop_waiting()
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: what has begun may go on for a while."""
        STOPPING.begin(within_s=_LEFT * _settings().graceful_stop_s)
        super().shutdown()

    def _wait(self) -> None:
        self._stop_waiting()
        self._silence = self.loop.call_later(_settings().client_silence_s, self._too_late)

    def _stop_waiting(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _too_late(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        if not (answering or self.transport.is_closing()):
            if self.scope is not None and not self._is_draining():
                self.transport.write(_REQUEST_TIMEOUT)
            self.transport.close()

    def _is_draining(self) -> bool:
        """Whether a request was answered whose body still comes."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

"""Connections as uvicorn's protocol sees them: a head in time, and a word when the server stops."""

import asyncio
from functools import cache

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is due."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The head of a request has begun."""
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Where the answer came before the body's end, the rest must go on coming, or this closes."""
        super().on_response_complete()
        if self.cycle.more_body:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """The rest of an answered body is no silence."""
        if self._silence is not None and self._is_draining():
            self._wait()
        super().data_received(data)

    def on_message_complete(self) -> None:
        """The body is there to its end."""
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

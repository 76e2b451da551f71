"""Bodies that arrive compressed: gzip, br and zstd, with a bound on what they come to.

A small body may come to gigabytes. So little is decoded at a time, and one that comes to more than
MOST_TIMES what was sent is refused. Source: RFC 9110, 8.4.
"""

import zlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Protocol, cast

import brotli
import zstandard
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import HTTPReceiveMessage, HTTPScope, Receive

from domain.errors import InvalidRequest

MOST_TIMES = 200
"""How much larger than sent a body may be; lines of purchases shrink to a tenth."""
FREE_BYTES = 2**20
"""A body that comes to no more is taken whatever it was."""
AT_ONCE = 2**16
_ZSTD_WINDOW = 2**23  # what every decoder must support: RFC 8878, 3.1.1.1.2
_ZSTD_BITE = 32  # of what was sent: each block of four bytes may come to 128 KiB


class Decoder(Protocol):
    """Decodes one body, piece by piece."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` comes to, about AT_ONCE at a time.

        Raises:
            ValueError: it is damaged, or goes on after its end.
        """
        ...

    @property
    def whole(self) -> bool:
        """Whether the body came to its end."""
        ...


class Gzip:
    """One member of gzip."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """See Decoder."""
        while data:
            try:
                piece = self._zlib.decompress(data, AT_ONCE)
            except zlib.error as exc:
                raise ValueError("damaged") from exc
            if self._zlib.unused_data:
                raise ValueError("it goes on after its end")
            yield piece
            data = self._zlib.unconsumed_tail

    @property
    def whole(self) -> bool:
        """See Decoder."""
        return self._zlib.eof


class Brotli:
    """One stream of Brotli."""

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """See Decoder."""
        try:
            piece = self._brotli.process(data, output_buffer_limit=AT_ONCE)
            while piece or not self._brotli.can_accept_more_data():
                yield piece
                if self._brotli.is_finished():
                    return
                piece = self._brotli.process(b"", output_buffer_limit=AT_ONCE)
        except brotli.error as exc:
            raise ValueError("damaged") from exc

    @property
    def whole(self) -> bool:
        """See Decoder."""
        return bool(self._brotli.is_finished())


class Zstd:
    """One frame of Zstandard."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """See Decoder."""
        for start in range(0, len(data), _ZSTD_BITE):
            if self._zstd.eof:
                raise ValueError("it goes on after its end")
            try:
                yield self._zstd.decompress(data[start : start + _ZSTD_BITE])
            except zstandard.ZstdError as exc:
                raise ValueError("damaged") from exc
        if self._zstd.unused_data:
            raise ValueError("it goes on after its end")

    @property
    def whole(self) -> bool:
        """See Decoder."""
        return self._zstd.eof


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": Gzip,
    "x-gzip": Gzip,
    "br": Brotli,
    "zstd": Zstd,
}
_TAKEN = "gzip, br, zstd"


def decoder_of(scope: HTTPScope) -> Decoder | None:
    """The decoder that a request's body needs; None: it is sent as it is.

    Raises:
        HTTPException: 415, for an encoding that is not taken, or for several.
    """
    named = [value for name, value in scope["headers"] if name.lower() == b"content-encoding"]
    encoding = b", ".join(named).decode("latin-1").strip().lower()
    if encoding in {"", "identity"}:
        return None
    make = _DECODERS.get(encoding)
    if make is None:
        raise HTTPException(
            status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            detail=f"send the body as it is, or as one of {_TAKEN}, not as {encoding[:60]!r}",
            headers={"Accept-Encoding": _TAKEN},
        )
    return make()


class DecodedBody:
    """The body of a request, received decoded, one piece at a time."""

    def __init__(self, receive: Receive, decoder: Decoder) -> None:
        self._receive = receive
        self._decoder = decoder
        self._pieces: Iterator[bytes] = iter(())
        self._more = True
        self._sent = self._came_to = 0

    async def receive(self) -> HTTPReceiveMessage:
        """The next piece, as ASGI has it.

        Raises:
            InvalidRequest: the body is damaged, cut off, or goes on after its end.
            RequestEntityTooLarge: it comes to too much.
        """
        while True:
            if piece := self._next():
                return {"type": "http.request", "body": piece, "more_body": True}
            if not self._more:
                return {"type": "http.request", "body": b"", "more_body": False}
            message = cast("HTTPReceiveMessage", await self._receive())
            if message["type"] == "http.disconnect":
                return message
            self._more = message.get("more_body", False)
            self._sent += len(message["body"])
            self._pieces = self._decoder.pieces(message["body"])

    def _next(self) -> bytes | None:
        """The next piece of what was received so far; None where there is no more."""
        try:
            piece = next(filter(None, self._pieces), None)
            if piece is None and not self._more and self._sent and not self._decoder.whole:
                raise ValueError("it was cut off")  # noqa: TRY301  # as what decoders raise
        except ValueError as exc:
            raise InvalidRequest("body", f"cannot be decoded: {exc}") from exc
        self._came_to += len(piece or b"")
        if self._came_to > max(FREE_BYTES, MOST_TIMES * self._sent):
            raise RequestEntityTooLarge
        return piece

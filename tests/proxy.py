"""A proxy on loopback before the embedded engine, which a test may listen to, or answer from."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from adapters.listening import HOST

_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `operation` is its X-Amz-Target, which S3 has not."""

    method: str
    target: str
    operation: str
    body: bytes
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Instead:
    """What is answered in place of the engine."""

    status: int
    body: bytes


HANG_UP = Instead(0, b"")
"""No answer at all: the connection is closed."""
Hook = Callable[[Request], Instead | None]


class _Server(ThreadingHTTPServer):
    """A client that no longer waits for its answer is no trouble of ours."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # a socket


@contextmanager
def proxy(engine_port: int, hook: Hook) -> Iterator[str]:
    """The proxy's address until the block ends; the hook sees each request before the engine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            operation = self.headers.get("X-Amz-Target", "")
            signature = self.headers.get("Authorization", "")
            instead = hook(Request(self.command, self.path, operation, body, signature))
            if instead is HANG_UP:
                self.close_connection = True
                return
            if instead is not None:
                self._send(instead.status, [], instead.body, len(instead.body))
                return
            upstream = HTTPConnection(HOST, engine_port, timeout=60)
            try:
                upstream.request(self.command, self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
            finally:
                upstream.close()
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self._send(answer.status, answer.getheaders(), content, length or len(content))

        def _send(
            self, status: int, headers: list[tuple[str, str]], body: bytes, length: object
        ) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward  # noqa: N815  # http.server's

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with _Server((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()

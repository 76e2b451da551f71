"""A proxy on loopback before the embedded engine that notes what each request asks of AWS."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from adapters.listening import HOST
from tests.aws_actions import Grants, of_dynamodb, of_s3, of_sqs

_HOP = {"connection", "transfer-encoding", "keep-alive"}


class Recording:
    """What was asked through one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: Grants = set()
        self.slow: dict[str, float] = {}
        """Operations that take so many seconds longer, once each."""

    def note(self, method: str, target: str, operation: str | None, body: bytes) -> None:
        """One request; `operation` is its X-Amz-Target, which S3 has not."""
        service, _, name = (operation or "").rpartition(".")
        if service.startswith("DynamoDB"):
            self.asked |= of_dynamodb(name, json.loads(body))
        elif service == "AmazonSQS":
            self.asked |= of_sqs(name, json.loads(body))
        else:
            self.asked |= of_s3(method, target, body)


@contextmanager
def recording(engine_port: int) -> Iterator[Recording]:
    """A proxy until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            noted.note(self.command, self.path, self.headers.get("X-Amz-Target"), body)
            time.sleep(noted.slow.pop(self.headers.get("X-Amz-Target", ""), 0))
            upstream = HTTPConnection(HOST, engine_port, timeout=60)
            try:
                upstream.request(self.command, self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
            finally:
                upstream.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP | {"content-length"}:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward  # noqa: N815  # http.server's

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        noted = Recording(f"http://{HOST}:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield noted
        finally:
            server.shutdown()

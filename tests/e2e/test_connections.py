"""A server on a real socket, and clients that are slow, silent, or never read."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from tests.builders import raw_purchase

pytestmark = [pytest.mark.engine, pytest.mark.full]
PROPENSITY = str(Path(sys.executable).with_name("propensity"))
SILENCE_S = 1
STOP_S = 3
HEAD = b"POST /v1/purchases HTTP/1.1\r\nHost: localhost\r\n"
NDJSON = HEAD + b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


class Server:
    """`propensity serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), 60)
        connection.settimeout(60)
        return connection

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(home: Path, engine: EmbeddedEngine, **settings: object) -> Iterator[Server]:
    port = free_port()
    environment = os.environ | {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine.port}",
        "PROPENSITY_TABLE_PREFIX": f"connections-{port}-",
        "PROPENSITY_CLIENT_SILENCE_S": str(SILENCE_S),
        "PROPENSITY_GRACEFUL_STOP_S": str(STOP_S),
        **{f"PROPENSITY_{name.upper()}": str(value) for name, value in settings.items()},
    }
    subprocess.run([PROPENSITY, "tables", "create"], cwd=home, env=environment, check=True)
    command = [PROPENSITY, "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=home, env=environment) as process:
        server = Server(process, port)
        try:
            await_listening(server)
            yield server
        finally:
            process.kill()


def await_listening(server: Server) -> None:
    while server.process.poll() is None:
        try:
            server.connect().close()
        except OSError:
            time.sleep(0.05)  # polls a process of ours that is still loading
        else:
            return
    pytest.fail("the server ended")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), engine) as found:
        yield found


def everything(connection: socket.socket) -> bytes:
    """What the server sends until it closes."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def line(number: int) -> bytes:
    return json.dumps(raw_purchase(purchase_id=f"p-{number}")).encode() + b"\n"


def test_a_head_that_does_not_come_is_a_408_and_the_connection_closes(server: Server) -> None:
    with server.connect() as silent:
        silent.sendall(HEAD)
        answer = everything(silent)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    with server.connect() as empty:
        assert everything(empty) == b""


def test_a_client_silent_within_its_body_gets_a_408_and_the_connection_closes(
    server: Server,
) -> None:
    with server.connect() as silent:
        silent.sendall(HEAD + b"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
        answer = everything(silent)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"request-timeout" in answer


def test_a_slow_body_is_no_silent_one(server: Server) -> None:
    with server.connect() as slow:
        slow.sendall(HEAD + b"Content-Type: application/json\r\nContent-Length: 17\r\n\r\n")
        for byte in b'{"purchases": []}':
            slow.sendall(bytes([byte]))
            time.sleep(SILENCE_S / 10)  # longer than the silence in all
        assert slow.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_a_stream_whose_client_falls_silent_ends_with_a_line_that_says_so(server: Server) -> None:
    with server.connect() as silent:
        silent.sendall(NDJSON + chunk(b"".join(map(line, range(100)))))
        answer = everything(silent)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'{"error":{' in answer
    assert b"request-timeout" in answer


def test_a_body_may_wait_for_the_servers_word(server: Server) -> None:
    body = b'{"purchases": []}'
    head = HEAD + b"Content-Type: application/json\r\nExpect: 100-continue\r\n"
    with server.connect() as waiting:
        waiting.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode())
        assert waiting.recv(65_536).startswith(b"HTTP/1.1 100 ")
        waiting.sendall(body)
        assert waiting.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_a_connection_is_kept_between_requests(server: Server) -> None:
    with server.connect() as kept:
        for _ in range(2):
            kept.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert kept.recv(65_536).startswith(b"HTTP/1.1 200 ")
            time.sleep(1.5 * SILENCE_S)  # between requests nobody is silent


def test_a_connection_is_kept_after_a_head_without_a_body(server: Server) -> None:
    with server.connect() as kept:
        for path in (b"/livez", b"/docs", b"/nothing"):
            kept.sendall(b"HEAD " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = kept.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 ")
            assert answer.endswith(b"\r\n\r\n")


def test_an_idle_server_stops_with_exit_code_0(home: Path, engine: EmbeddedEngine) -> None:
    with serving(home, engine) as server, server.connect() as idle:
        assert server.stop() == 0
        assert everything(idle) == b""


@pytest.mark.parametrize("client", ["silent in its body", "silent in its stream", "never reads"])
def test_a_client_delays_the_stop_by_no_more_than_the_graceful_stop(
    home: Path, engine: EmbeddedEngine, client: str
) -> None:
    with serving(home, engine, client_silence_s=600) as server, server.connect() as connection:
        if client == "silent in its body":
            connection.sendall(
                HEAD + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
        elif client == "silent in its stream":
            connection.sendall(NDJSON + chunk(b"".join(map(line, range(100)))))
            assert connection.recv(65_536)
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.settimeout(1)
            connection.sendall(NDJSON)
            flood(connection)
        assert server.stop() == 0  # in time, or this would wait for the ten minutes of silence
        if client == "silent in its stream":
            assert b"server-stops" in everything(connection)


def flood(connection: socket.socket) -> None:
    """Sends lines until the server takes no more, since nobody reads what became of them."""
    lines = chunk(b"{}\n" * 10_000)
    for _ in range(10_000):
        try:
            connection.sendall(lines)
        except TimeoutError:
            return
    pytest.fail("the server reads on and on, and holds what nobody reads")

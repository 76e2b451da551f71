"""A server with one place: who does not get it is refused at once, and the connection goes on."""

import json
import re
import socket
from collections.abc import Iterator

import pytest
import uvloop

from adapters.embedded import EmbeddedEngine
from benchmarks.load import ask, message
from tests.e2e.test_connections import NDJSON, Server, chunk, line, serving

pytestmark = [pytest.mark.engine, pytest.mark.full]
ASK = b"GET /v1/categories HTTP/1.1\r\nHost: localhost\r\n"
BODY = b'{"purchases": []}'
RECORD = (
    b"POST /v1/purchases HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    + f"Content-Length: {len(BODY)}\r\n\r\n".encode()
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine) -> Iterator[Server]:
    settings = {"requests_in_work": 1, "requests_waiting": 0, "client_silence_s": 30}
    with serving(tmp_path_factory.mktemp("busy"), engine, **settings) as found:
        yield found


@pytest.fixture
def busy(server: Server) -> Iterator[socket.socket]:
    """The one place is taken, by a stream that goes on."""
    while True:
        with server.connect() as stream:
            stream.sendall(NDJSON)
            if stream.recv(65_536).startswith(b"HTTP/1.1 200 "):
                yield stream
                return  # the one before it has given its place back by then


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """So many whole answers, as they came."""
    received = b""
    found: list[tuple[int, dict[str, str], bytes]] = []
    while len(found) < count:
        head, end, rest = received.partition(b"\r\n\r\n")
        headers = dict(re.findall(r"(?m)^([\w-]+): (.*?)\r?$", head.decode().lower()))
        length = int(headers.get("content-length", 0))
        if end and len(rest) >= length:
            found.append((int(head.split()[1]), headers, rest[:length]))
            received = rest[length:]
        elif more := connection.recv(65_536):
            received += more
        else:
            pytest.fail(f"the server hung up after {found}")
    return found


def refused(answer: tuple[int, dict[str, str], bytes]) -> bool:
    status, headers, body = answer
    return (
        status == 503
        and headers["retry-after"] == "1"
        and headers["content-type"] == "application/problem+json"
        and json.loads(body)["type"] == "urn:propensity:problem:overloaded"
    )


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    "request_",
    [
        ASK + b"\r\n",
        ASK + b"Accept: */*\r\nX-Request-ID: a\r\n\r\n",
        RECORD + BODY,
        RECORD.replace(b"Content-Length", b"content-length") + BODY,
        ASK.replace(b"categories", b"categories?x=1") + b"\r\n",
    ],
)
def test_who_finds_no_place_is_refused_and_may_ask_again(server: Server, request_: bytes) -> None:
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(request_)
            (answer,) = answers(connection, 1)
            assert refused(answer)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        ((status, _, _),) = answers(connection, 1)
        assert status == 200


@pytest.mark.usefixtures("busy")
def test_a_refused_request_in_pieces_leaves_the_connection_in_step(server: Server) -> None:
    for whole in (ASK + b"\r\n", RECORD + BODY, RECORD + BODY + ASK + b"\r\n" + RECORD + BODY):
        count = whole.count(b" HTTP/1.1")
        for cut in range(1, len(whole), 7):
            with server.connect() as connection:
                connection.sendall(whole[:cut])
                connection.sendall(whole[cut:])
                assert all(map(refused, answers(connection, count)))
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                ((status, _, _),) = answers(connection, 1)
                assert status == 200


@pytest.mark.usefixtures("busy")
def test_who_wants_no_other_answer_is_let_go(server: Server) -> None:
    for closing in (
        ASK + b"Connection: close\r\n\r\n",
        ASK.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
    ):
        with server.connect() as connection:
            connection.sendall(closing)
            (answer,) = answers(connection, 1)
            assert refused(answer)
            assert connection.recv(1) == b""


def test_once_there_is_a_place_it_is_given(server: Server, busy: socket.socket) -> None:
    with server.connect() as connection:
        connection.sendall(ASK + b"\r\n")
        assert refused(answers(connection, 1)[0])
        busy.sendall(chunk(line(2)) + b"0\r\n\r\n")
        while b'"summary"' not in busy.recv(65_536):
            pass
        connection.sendall(ASK + b"\r\n")
        while (status := answers(connection, 1)[0][0]) == 503:
            connection.sendall(ASK + b"\r\n")  # the place is given back a moment later
        assert status == 200


def test_nobody_is_refused_while_there_is_a_place(
    tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine
) -> None:
    """Eight ask again and again, and so many find a place or wait for one."""
    settings = {"requests_in_work": 4, "requests_waiting": 4}
    with serving(tmp_path_factory.mktemp("just_enough"), engine, **settings) as server:
        asked = message("/v1/categories", None)
        found = uvloop.run(ask(server.port, [asked], requests=3_000, in_flight=8))
    assert (found["requests"], found["failed"]) == (3_000, 0)

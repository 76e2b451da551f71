"""A DynamoDB endpoint without latency: what the store behind it answered once, it answers at once.

A request is known by its operation and body; the first of each kind is passed on to the store, and
whatever it answered is kept as bytes; a batch is put together from its items, whatever their order,
each with the attributes that are asked for. So every service is asked and answered as by a real
engine, but neither the engine's speed nor its CPU time is in the figures. It checks no signature. With
`--delay-ms` every answer waits so long, as a store across a network would make it.
Run as a process of its own: it prints its port, and serves until it is terminated.
"""

import argparse
import asyncio
import sys
import zlib
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from typing import Any, cast

import msgspec
import uvloop

_HOST = "127.0.0.1"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_TARGET = b"x-amz-target:"
_OK = 200
_PROJECTION = ("ProjectionExpression", "ExpressionAttributeNames")


class Recorded:
    """The answers of one store on loopback, each asked for once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._answers: dict[tuple[bytes, bytes], bytes] = {}
        self._items: dict[tuple[str | bytes, ...], bytes] = {}

    def answer(self, target: bytes, body: bytes) -> bytes:
        """The whole HTTP answer to a request, headers included."""
        if target.endswith(b".BatchGetItem"):
            return _http(200, self._batch(msgspec.json.decode(body)))
        known = self._answers.get((target, body))
        if known is None:
            known = self._answers[target, body] = _http(*self._ask(target, body))
        return known

    def _batch(self, request: Mapping[str, Any]) -> bytes:
        tables: list[bytes] = []
        consumed: list[bytes] = []
        for table, asked in request["RequestItems"].items():
            projection = {name: asked[name] for name in _PROJECTION if name in asked}
            items = self._some(table, asked["Keys"], projection)
            found = b",".join(item for item in items if item)
            tables.append(b'"%b":[%b]' % (table.encode(), found))
            units = (table.encode(), len(asked["Keys"]))
            consumed.append(b'{"TableName":"%b","CapacityUnits":%d.0}' % units)
        capacity = b""
        if request.get("ReturnConsumedCapacity", "NONE") != "NONE":
            capacity = b',"ConsumedCapacity":[%b]' % b",".join(consumed)
        return b'{"Responses":{%b},"UnprocessedKeys":{}%b}' % (b",".join(tables), capacity)

    def _some(
        self, table: str, keys: Sequence[Mapping[str, Any]], projection: Mapping[str, Any]
    ) -> list[bytes]:
        """The items under the keys as JSON; nothing for a key where there is none."""
        kind = (table, msgspec.json.encode(projection)) if projection else (table,)
        found: list[bytes] = []
        for key in keys:
            name = (*kind, *(text for value in key.values() for text in value.values()))
            if name not in self._items:
                self._items[name] = self._item(
                    {"TableName": table, "Key": key, "ConsistentRead": True, **projection}
                )
            found.append(self._items[name])
        return found

    def _item(self, request: Mapping[str, Any]) -> bytes:
        status, content = self._ask(b"DynamoDB_20120810.GetItem", msgspec.json.encode(request))
        if status != _OK:
            raise RuntimeError(f"the store refused {request}: {content.decode()}")
        item = msgspec.json.decode(content).get("Item")
        return msgspec.json.encode(item) if item else b""

    def _ask(self, target: bytes, body: bytes) -> tuple[int, bytes]:
        connection = HTTPConnection(_HOST, self._port, timeout=60)
        credential = (
            "AWS4-HMAC-SHA256 Credential=benchmark/20260101/us-east-1/dynamodb/aws4_request"
        )
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": target.decode(),
            "Authorization": f"{credential}, SignedHeaders=host, Signature=0",
        }
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content


def _http(status: int, content: bytes) -> bytes:
    return (
        b"HTTP/1.1 %d OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
        b"x-amzn-RequestId: RECORDED\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%b"
        % (status, zlib.crc32(content), len(content), content)
    )


class ReplayConnection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, recorded: Recorded, delay_s: float) -> None:
        self._recorded = recorded
        self._delay_s = delay_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is where answers go."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Every request that is complete by now is answered."""
        received = self._received + data
        while (end_of_head := received.find(_END_OF_HEAD)) >= 0:
            head = received[:end_of_head].lower()
            begin = end_of_head + len(_END_OF_HEAD)
            end = begin + int(_after(head, _LENGTH))
            if len(received) < end:
                break
            self._answer(received[:end_of_head], head, received[begin:end])
            received = received[end:]
        self._received = received

    def _answer(self, head: bytes, lower: bytes, body: bytes) -> None:
        begin = lower.index(_TARGET) + len(_TARGET)
        target = head[begin:].split(b"\r\n", 1)[0].strip()
        answer = self._recorded.answer(target, body)
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _after(head: bytes, mark: bytes) -> bytes:
    return head.split(mark, 1)[1].split(b"\r\n", 1)[0].strip()


async def serve(store_port: int, delay_s: float) -> None:
    """Serves until cancelled; the port is on standard output once it can be asked."""
    recorded = Recorded(store_port)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ReplayConnection(recorded, delay_s), _HOST, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--store-port", type=int, required=True)
    arguments.add_argument("--delay-ms", type=float, default=0.0)
    options = arguments.parse_args()
    uvloop.run(serve(options.store_port, options.delay_ms / 1e3))

"""A canned DynamoDB endpoint on loopback: answers at once, from the workload, and stores nothing.

It knows the two Queries and the BatchGetItem of an audience, checks no signature, never throttles
and leaves no key unprocessed. Pages of the index hold as many entries as 1 MiB of them.
Run as a process of its own: it prints its port, and serves until it is terminated.
"""

import argparse
import asyncio
import json
import sys
import zlib
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from adapters.dynamodb.schema import (
    category_attribute,
    category_shard,
    day_attribute,
    encode_elements,
)
from benchmarks.workload import (
    CATEGORY,
    NOW,
    PURCHASES_EACH,
    SHARDS,
    VARIANTS,
    WINDOW_DAYS,
    customer_id,
    customer_number,
    purchases_of,
    tenths_between,
)
from domain.audience.cost_plan import PAGE_BYTES
from domain.cost import INDEX_ENTRY_BYTES
from domain.values import MICROS_PER_DAY, day_of

ENTRIES_PER_PAGE = PAGE_BYTES // INDEX_ENTRY_BYTES
_HOST = "127.0.0.1"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


class CannedStore:
    """The answers, as bytes; the parts that do not depend on the request are built beforehand."""

    def __init__(self, customers: int, purchases: int = PURCHASES_EACH) -> None:
        self._shards: dict[str, array[int]] = defaultdict(lambda: array("I"))
        for number in range(customers):  # ascending numbers are ascending ids
            self._shards[category_shard(CATEGORY, customer_id(number), SHARDS)].append(number)
        self._recent = [_recent_attributes(variant, purchases) for variant in range(VARIANTS)]

    def answer(self, operation: str, request: Mapping[str, Any]) -> bytes:
        """The body of DynamoDB's answer.

        Raises:
            KeyError: the request is none that an audience makes.
        """
        if operation == "BatchGetItem":
            return self._batch(request["RequestItems"])
        if operation == "GetItem":
            return b"{}"  # nobody marked another retention
        if request["IndexName"] == "by_time":
            return _by_time(request)
        return self._by_category(request)

    def _batch(self, tables: Mapping[str, Any]) -> bytes:
        ((table, asked),) = tables.items()
        customers = [key["customer_id"]["S"] for key in asked["Keys"]]
        known = [customer for customer in customers if customer[-1].isdigit()]  # "-" is nobody
        items = b",".join(map(self._recent_item, known))
        return (
            b'{"Responses":{"%b":[%b]},"UnprocessedKeys":{},'
            b'"ConsumedCapacity":[{"TableName":"%b","CapacityUnits":%d.0}]}'
            % (table.encode(), items, table.encode(), len(customers))
        )

    def _recent_item(self, customer: str) -> bytes:
        attributes = self._recent[customer_number(customer) % VARIANTS]
        return b'{"customer_id":{"S":"%b"},%b}' % (customer.encode(), attributes)

    def _by_category(self, request: Mapping[str, Any]) -> bytes:
        values = [value["S"] for value in request["ExpressionAttributeValues"].values()]
        (partition,) = (value for value in values if "#" in value)
        customers = self._shards[partition]
        begin = _begin(customers, values, request.get("ExclusiveStartKey"))
        most = min(request.get("Limit", ENTRIES_PER_PAGE), ENTRIES_PER_PAGE)
        end = min(begin + most, len(customers) * PURCHASES_EACH)
        first, last = begin // PURCHASES_EACH, (end - 1) // PURCHASES_EACH
        rows = [
            b'{"customer_id":{"S":"%b"}}' % customer_id(number).encode()
            for number in customers[first : last + 1]
        ]
        chosen = [rows[entry // PURCHASES_EACH - first] for entry in range(begin, end)]
        items = b",".join(chosen)
        following = b""
        if end < len(customers) * PURCHASES_EACH:
            key = {
                "category_shard": {"S": partition},
                "customer_id": {"S": customer_id(customers[last])},
                "purchase_id": {"S": f"purchase-{(end - 1) % PURCHASES_EACH:04d}"},
            }
            following = b',"LastEvaluatedKey":' + json.dumps(key).encode()
        count = len(chosen)
        return b'{"Items":[%b],"Count":%d,"ScannedCount":%d,%b%b}' % (
            items,
            count,
            count,
            _consumed(-(-count * INDEX_ENTRY_BYTES // 4_096) / 2),
            following,
        )


def _begin(customers: Sequence[int], values: Sequence[str], start: Any) -> int:
    """The first entry after the start key, and after the customer that a condition names."""
    named = max((customer_number(value) for value in values if "#" not in value), default=-1)
    after = bisect_right(customers, named)
    if start is None:
        return after * PURCHASES_EACH
    last = bisect_right(customers, customer_number(start["customer_id"]["S"])) - 1
    ordinal = int(start["purchase_id"]["S"][-4:])
    return max(after * PURCHASES_EACH, last * PURCHASES_EACH + ordinal + 1)


def _recent_attributes(variant: int, count: int) -> bytes:
    """What a customer's recent item holds beside the key, without the braces."""
    days: dict[str, dict[str, list[str]]] = {}
    for purchase in _within(variant, NOW - WINDOW_DAYS * MICROS_PER_DAY + 1, NOW, count):
        day = days.setdefault(day_attribute(day_of(purchase.purchased_at)), {"BS": []})
        day["BS"] += encode_elements(purchase)
    expires_at = {"N": str(NOW // 1_000_000 + 33 * 86_400)}
    named = {category_attribute(CATEGORY): {"N": str(count)}}
    return json.dumps({"expires_at": expires_at, **named, **days}).encode()[1:-1]


def _by_time(request: Mapping[str, Any]) -> bytes:
    values = request["ExpressionAttributeValues"].values()
    (customer,) = (value["S"] for value in values if "S" in value)
    first, last = sorted(int(value["N"]) for value in values if "N" in value)
    items = _history(customer_number(customer) % VARIANTS, first, last)
    count = items.count(b"purchase_id")
    named = items.replace(b"CUSTOMER", customer.encode())
    return b'{"Items":[%b],"Count":%d,"ScannedCount":%d,%b}' % (named, count, count, _consumed(1.0))


def _consumed(units: float) -> bytes:
    """What DynamoDB adds to its answer for whoever asks, as we always do."""
    return b'"ConsumedCapacity":{"TableName":"purchases","CapacityUnits":%.1f}' % units


@cache
def _history(variant: int, first: int, last: int) -> bytes:
    return b",".join(
        json.dumps(
            {
                "customer_id": {"S": "CUSTOMER"},
                "purchase_id": {"S": purchase.purchase_id},
                "purchased_at": {"N": str(purchase.purchased_at)},
                "category": {"S": purchase.category},
                "amount_minor": {"N": str(purchase.amount_minor)},
            }
        ).encode()
        for purchase in reversed(_within(variant, first, last))
    )


def _within(variant: int, first: int, last: int, count: int = PURCHASES_EACH) -> list[Any]:
    some = purchases_of(variant, tenths_apart=tenths_between(count), count=count)
    return [purchase for purchase in some if first <= purchase.purchased_at <= last]


class CannedConnection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, store: CannedStore) -> None:
        self._store = store
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is where answers go."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Every request that is complete by now is answered."""
        self._received += data
        while (end_of_head := self._received.find(_END_OF_HEAD)) >= 0:
            head = bytes(self._received[:end_of_head])
            begin = end_of_head + len(_END_OF_HEAD)
            end = begin + int(_after(head.lower(), _LENGTH))
            if len(self._received) < end:
                return
            body = json.loads(self._received[begin:end])
            del self._received[:end]
            self._answer(head, body)

    def _answer(self, head: bytes, body: Mapping[str, Any]) -> None:
        operation = _after(head, b"DynamoDB_20120810.").decode()
        answer = self._store.answer(operation, body)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
            b"x-amzn-RequestId: CANNED\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%b"
            % (zlib.crc32(answer), len(answer), answer)
        )


def _after(head: bytes, mark: bytes) -> bytes:
    return head.split(mark, 1)[1].split(b"\r\n", 1)[0].strip()


async def serve(customers: int, purchases: int) -> None:
    """Serves until cancelled; the port is on standard output once it can be asked."""
    store = CannedStore(customers, purchases)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: CannedConnection(store), _HOST, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=100_000)
    arguments.add_argument("--purchases", type=int, default=PURCHASES_EACH, help="of recent items")
    options = arguments.parse_args()
    asyncio.run(serve(options.customers, options.purchases))

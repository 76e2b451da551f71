"""What the engine answers is parsed into exactly what botocore makes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.parsers import JSONParser

from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.parsing import ItemParser
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import dynamo_store

pytestmark = pytest.mark.anyio

PURCHASES = [
    a_purchase(purchase_id=f"p{n}-ü", purchased_at=NOW - 10 + n, category="shirts")
    for n in range(3)
]
CUSTOMER = PURCHASES[0].customer_id


@contextmanager
def answers_of(client: DynamoClient) -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    """Every operation with the answer to it, not parsed yet."""
    seen: list[tuple[Any, dict[str, Any]]] = []

    def look(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:
        seen.append((operation_model, response_dict))

    events = client.connection.client.meta.events
    events.register("before-parse.dynamodb.*", look)
    try:
        yield seen
    finally:
        events.unregister("before-parse.dynamodb.*", look)


async def test_every_answer_is_parsed_as_botocore_would(client: DynamoClient) -> None:
    store = dynamo_store(client)
    with answers_of(client) as answers:
        await store.recorder.record(PURCHASES)
        await store.recorder.record(PURCHASES)  # refused, with the stored items
        await store.history.between(CUSTOMER, after=0, until=NOW)
        await store.recent.read([CUSTOMER, "nobody"])
        async for _ in store.recent.scan(segment=0, segments=1):
            pass
        await store.recent.size()
        await store.index.categories()
        for shard in range(store.index.shards):
            await store.index.page("shirts", shard=shard, after=None, most=None)
    parsed = [
        (parser().parse(answer, operation.output_shape), operation.name)
        for operation, answer in answers
        for parser in (ItemParser, JSONParser)
    ]
    assert parsed[::2] == parsed[1::2]
    assert {name for _, name in parsed} >= {
        "TransactWriteItems",
        "UpdateItem",
        "Query",
        "BatchGetItem",
        "Scan",
        "DescribeTable",
    }

"""The benchmarks' replaying endpoint answers a batch as the store behind it does."""

from typing import Any

import msgspec
import pytest
from botocore.session import get_session

from adapters.embedded import EmbeddedEngine
from benchmarks.replay import Recorded

TABLE = "replayed"
KEYS = [{"key": {"S": f"k{number}"}} for number in range(3)]


@pytest.fixture(scope="module")
def dynamodb(engine: EmbeddedEngine) -> Any:
    client = get_session().create_client(
        "dynamodb",
        endpoint_url=f"http://127.0.0.1:{engine.port}",
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",  # noqa: S106  # the engine takes any
    )
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number, key in enumerate(KEYS[:2]):
        values = {"M": {"spent": {"N": str(number)}, "bought": {"N": "7"}}}
        client.put_item(TableName=TABLE, Item={**key, "values": values, "written": {"S": "now"}})
    return client


@pytest.mark.parametrize(
    "projection",
    [
        pytest.param({}, id="everything"),
        pytest.param({"ProjectionExpression": "written"}, id="one attribute"),
        pytest.param(
            {
                "ProjectionExpression": "#key, #values.#spent",
                "ExpressionAttributeNames": {"#key": "key", "#values": "values", "#spent": "spent"},
            },
            id="a part of a map, as Feast asks for it",
        ),
    ],
)
@pytest.mark.parametrize("capacity", ["NONE", "TOTAL"])
def test_a_batch_is_answered_as_by_the_store(
    dynamodb: Any, engine: EmbeddedEngine, projection: dict[str, Any], capacity: str
) -> None:
    asked = {
        "RequestItems": {TABLE: {"Keys": KEYS, "ConsistentRead": True, **projection}},
        "ReturnConsumedCapacity": capacity,
    }
    stored = dynamodb.batch_get_item(**asked)
    replayed = _batch(Recorded(engine.port), asked)

    assert _items(replayed) == _items(stored)
    assert replayed["UnprocessedKeys"] == {}
    assert ("ConsumedCapacity" in replayed) == (capacity == "TOTAL")


@pytest.mark.usefixtures("dynamodb")
def test_each_projection_is_remembered_for_itself(engine: EmbeddedEngine) -> None:
    recorded = Recorded(engine.port)
    plain = {"RequestItems": {TABLE: {"Keys": KEYS}}}
    projected = {"RequestItems": {TABLE: {"Keys": KEYS, "ProjectionExpression": "written"}}}

    answers = [_batch(recorded, asked) for asked in (plain, projected, plain)]

    assert answers[0] == answers[2]
    assert answers[0] != answers[1]
    assert _items(answers[1]) == [{"written": {"S": "now"}}] * 2


def _batch(recorded: Recorded, asked: dict[str, Any]) -> Any:
    answer = recorded.answer(b"DynamoDB_20120810.BatchGetItem", msgspec.json.encode(asked))
    return msgspec.json.decode(answer.split(b"\r\n\r\n", 1)[1])


def _items(answer: Any) -> list[Any]:
    return sorted(answer["Responses"][TABLE], key=repr)

"""Answers damaged on their way are none, and refusals are those that botocore raises."""

import zlib

import pytest
from botocore.exceptions import ClientError

from adapters.dynamodb import DynamoClient
from domain.errors import StoreUnavailable
from domain.purchases import Cancelling
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, dynamo_store
from tests.integration.faults import injected, raw_answer

pytestmark = pytest.mark.anyio

PURCHASES = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - 10 + n) for n in range(6)]
CUSTOMER = PURCHASES[0].customer_id
BATCH = b'{"Responses":{},"UnprocessedKeys":{}}'
DAMAGED = [
    (BATCH[:-9], None),
    (b"", None),
    (b"[]", None),
    (BATCH + b"}", None),
    (b"\xff", None),
    (BATCH, zlib.crc32(BATCH) ^ 1),
    (BATCH[:-9], zlib.crc32(BATCH)),
]
NAMES = [
    "truncated",
    "empty",
    "no object",
    "too long",
    "no text",
    "another checksum",
    "truncated with its checksum",
]
damaged = pytest.mark.parametrize(("content", "checksum"), DAMAGED, ids=NAMES)


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    store = dynamo_store(client)
    await store.recorder.record(PURCHASES)
    return store


def headers(checksum: int | None) -> dict[str, str]:
    return {} if checksum is None else {"x-amz-crc32": str(checksum)}


@damaged
async def test_an_answer_damaged_on_its_way_is_none(
    client: DynamoClient, store: Store, content: bytes, checksum: int | None
) -> None:
    wrong = raw_answer(content, 200, **headers(checksum))
    with (
        injected(client, "BatchGetItem", lambda _: wrong),
        pytest.raises(StoreUnavailable) as caught,
    ):
        await store.recent.read([CUSTOMER])
    assert caught.value.transient


@pytest.mark.parametrize("operation", ["Query", "GetItem"])
async def test_an_answer_damaged_on_its_way_is_asked_for_again(
    client: DynamoClient, store: Store, operation: str
) -> None:
    wrong = raw_answer(b'{"Items":[]}', 200, **headers(1))
    with injected(client, operation, lambda _: wrong):
        if operation == "Query":
            found = await store.history.between(CUSTOMER, after=0, until=NOW)
        else:
            found = (await store.recent.one(CUSTOMER)).purchases
    assert len(found) == len(PURCHASES)


@damaged
async def test_a_damaged_answer_that_botocore_reads_is_asked_for_again(
    client: DynamoClient, store: Store, content: bytes, checksum: int | None
) -> None:
    wrong = raw_answer(content, 200, **headers(checksum))
    with injected(client, "GetItem", lambda _: wrong):
        assert await store.canceller.cancel(CUSTOMER, "p0") is Cancelling.CANCELLED


REFUSED = b'{"__type":"com.amazonaws#AccessDeniedException","message":"no"}'


def shown(refusal: ClientError) -> tuple[str, str, int]:
    """What we look at: where there is no message, botocore makes one up."""
    response = refusal.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    message = response["Error"]["Message"] if status == 400 else ""
    return response["Error"]["Code"], message, status


@pytest.mark.parametrize(
    ("content", "status", "checksum"),
    [
        (REFUSED, 400, zlib.crc32(REFUSED)),
        (REFUSED.replace(b"message", b"Message"), 400, None),
        (b'{"__type":"com.amazonaws#InternalServerError"}', 500, None),
        (b"<html><body>Service Unavailable</body></html>", 503, None),
        (b"", 500, None),
    ],
    ids=["refused", "refused in capitals", "server error", "html", "nothing"],
)
async def test_a_refusal_is_the_one_that_botocore_raises(
    client: DynamoClient, content: bytes, status: int, checksum: int | None
) -> None:
    wrong = raw_answer(content, status, **headers(checksum))
    table = client.recent.Meta.table_name
    key = {"customer_id": {"S": CUSTOMER}}
    with injected(client, "GetItem", lambda _: wrong), pytest.raises(ClientError) as theirs:
        client.connection.client.get_item(TableName=table, Key=key)
    with injected(client, "GetItem", lambda _: wrong), pytest.raises(ClientError) as ours:
        await client.transport.send("GetItem", {"TableName": table, "Key": key})
    assert shown(ours.value) == shown(theirs.value)

"""The fast parser beside botocore's own: the same document for every answer, the same errors."""

import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from adapters.dynamodb.answers import FastParser
from adapters.dynamodb.client import DynamoClient
from domain.errors import StoreUnavailable
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, dynamo_store
from tests.integration.faults import injected, raw_answer

pytestmark = pytest.mark.anyio

PURCHASES = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - 10 + n) for n in range(6)]
CUSTOMER, CATEGORY = PURCHASES[0].customer_id, PURCHASES[0].category
SERVICE = Session().get_service_model("dynamodb")
EVERY_TYPE = {
    "S": {"S": "grün 🧺"},
    "N": {"N": "0.10"},
    "B": {"B": "AP8="},
    "SS": {"SS": ["a", "B"]},
    "NS": {"NS": ["1", "2.50"]},
    "BS": {"BS": ["AP8=", ""]},
    "M": {"M": {"B": {"B": "AP8="}, "L": {"L": [{"N": "1"}, {"M": {}}]}}},
    "L": {"L": [{"S": ""}, {"NULL": True}]},
    "NULL": {"NULL": True},
    "BOOL": {"BOOL": False},
}
ODD_VALUES = [
    {"S": None},
    {"S": 1},
    {"N": 1.5},
    {"SS": "text"},
    {"SS": [None]},
    {"B": "A P8="},
    {"NULL": "true"},
    {"NEW": "of later years"},
    {},
    None,
]


def parsed(parser: JSONParser, operation: str, body: bytes, status: int = 200) -> Any:
    """What the parser makes of an answer; an exception's kind and words if it makes nothing."""
    response = {"body": body, "headers": {"x-amzn-RequestId": "1"}, "status_code": status}
    try:
        return parser.parse(response, SERVICE.operation_model(operation).output_shape)
    except Exception as exc:  # noqa: BLE001  # whatever botocore raises
        return type(exc), str(exc)


def assert_same(operation: str, body: bytes, status: int = 200) -> None:
    ours = parsed(FastParser(), operation, body, status)
    theirs = parsed(JSONParser(), operation, body, status)
    assert repr(ours) == repr(theirs) or ours == theirs


def page(value: object) -> dict[str, object]:
    return {
        "Items": [{"key": {"S": "1"}, "value": value}],
        "Count": 1,
        "ScannedCount": 1,
        "LastEvaluatedKey": {"key": {"B": "AP8="}},
        "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 0.5, "Later": 1},
    }


def batch(value: object) -> dict[str, object]:
    return {
        "Responses": {"t": [{"key": {"S": "1"}, "value": value}], "empty": []},
        "UnprocessedKeys": {"t": {"Keys": [{"key": {"S": "2"}}], "ConsistentRead": True}},
        "ConsumedCapacity": [{"TableName": "t", "CapacityUnits": 1}],
    }


ANSWERS: list[tuple[str, Callable[[object], dict[str, object]]]] = [
    ("Query", page),
    ("Scan", page),
    ("BatchGetItem", batch),
]
operations = pytest.mark.parametrize(("operation", "answer"), ANSWERS, ids=[o for o, _ in ANSWERS])


@operations
@pytest.mark.parametrize("value", EVERY_TYPE.values(), ids=EVERY_TYPE)
def test_every_type_of_value_is_parsed_as_botocore_does(
    operation: str, answer: Callable[[object], object], value: object
) -> None:
    assert_same(operation, json.dumps(answer(value)).encode())


@operations
@pytest.mark.parametrize("value", ODD_VALUES, ids=json.dumps)
def test_what_dynamodb_never_answers_becomes_what_it_was(
    operation: str, answer: Callable[[object], object], value: object
) -> None:
    assert_same(operation, json.dumps(answer(value)).encode())


@given(
    st.recursive(
        st.one_of(
            st.fixed_dictionaries({"S": st.text()}),
            st.fixed_dictionaries({"B": st.binary().map(lambda b: b.hex())}),
            st.fixed_dictionaries({"SS": st.lists(st.text())}),
        ),
        lambda inner: st.one_of(
            st.fixed_dictionaries({"L": st.lists(inner)}),
            st.fixed_dictionaries({"M": st.dictionaries(st.text(), inner)}),
        ),
    )
)
def test_any_value_is_parsed_as_botocore_does(value: object) -> None:
    assert_same("Query", json.dumps(page(value)).encode())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"__type":"com.amazonaws#ThrottlingException","message":"slow"}', 400),
        (b'{"__type":"com.amazonaws#InternalServerError","Items":[]}', 500),
        (b"<html><body>Service Unavailable</body></html>", 500),
        (b"", 500),
        (b'{"Items":{"key":"1"}}', 200),
        (b'{"Items":null}', 200),
        (b"[]", 200),
    ],
)
def test_errors_and_odd_answers_become_what_they_were(body: bytes, status: int) -> None:
    assert_same("Query", body, status)


def test_items_are_not_walked_by_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[str] = []

    def note(_: JSONParser, shape: Any, node: Any) -> Any:
        walked.append(shape.name)
        return node

    monkeypatch.setattr(JSONParser, "_handle_map", note)
    for operation, answer in ANSWERS:
        parsed(FastParser(), operation, json.dumps(answer({"S": "1"})).encode())
    assert "AttributeMap" not in walked


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    store = dynamo_store(client)
    await store.recorder.record(PURCHASES)
    return store


async def read_everything(store: Store) -> None:
    """Every read of the product: by time, a batch, a scan, the index, the categories."""
    await store.history.between(CUSTOMER, after=0, until=NOW)
    await store.recent.read([CUSTOMER, "nobody"])
    _ = [found async for found in store.recent.scan(segment=0, segments=1)]
    for shard in range(store.index.shards):
        await store.index.page(CATEGORY, shard=shard, after=None, most=None)
    await store.index.categories()


async def test_the_engines_answers_are_parsed_as_botocore_does(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    fast = FastParser.parse

    def beside(self: FastParser, response: Any, shape: Any) -> Any:
        seen.append(shape.name)
        ours = fast(self, response, shape)
        assert ours == JSONParser().parse(response, shape)
        return ours

    monkeypatch.setattr(FastParser, "parse", beside)
    await read_everything(store)
    await store.recorder.record(PURCHASES)  # each is a duplicate: a cancelled transaction
    _ = await store.recent.size()  # a DescribeTable, with timestamps
    assert set(seen) >= {"QueryOutput", "ScanOutput", "BatchGetItemOutput", "DescribeTableOutput"}


BATCH = b'{"Responses":{},"UnprocessedKeys":{}}'
REFUSED = b'{"__type":"com.amazonaws#AccessDeniedException","message":"no"}'


@pytest.mark.parametrize(
    ("content", "status", "checksum"),
    [
        (REFUSED, 400, zlib.crc32(REFUSED)),
        (b"<html><body>Service Unavailable</body></html>", 500, None),
    ],
    ids=["refused", "html"],
)
async def test_a_refusal_ends_as_with_botocores_parser(
    client: DynamoClient, store: Store, content: bytes, status: int, checksum: int | None
) -> None:
    headers = {} if checksum is None else {"x-amz-crc32": str(checksum)}
    wrong = raw_answer(content, status, **headers)

    async def outcome() -> object:
        with injected(client, "BatchGetItem", lambda _: wrong):
            try:
                return await store.recent.read([CUSTOMER])
            except Exception as exc:  # noqa: BLE001  # compared, whatever it is
                return type(exc), str(exc)

    ours = await outcome()
    endpoint = client.connection.client._endpoint  # noqa: SLF001  # where botocore keeps its parsers
    assert type(endpoint._response_parser_factory) is not ResponseParserFactory  # noqa: SLF001
    endpoint._response_parser_factory = ResponseParserFactory()  # noqa: SLF001
    assert ours == await outcome()


@pytest.mark.parametrize(
    ("content", "checksum"),
    [
        (BATCH[:-9], None),
        (b"", None),
        (BATCH + b"}", None),
        (b"\xff", None),
        (BATCH, zlib.crc32(BATCH) ^ 1),
        (BATCH[:-9], zlib.crc32(BATCH)),
    ],
    ids=[
        "truncated",
        "empty",
        "too long",
        "no text",
        "another checksum",
        "truncated with its checksum",
    ],
)
async def test_an_answer_damaged_on_its_way_is_none(
    client: DynamoClient, store: Store, content: bytes, checksum: int | None
) -> None:
    headers = {} if checksum is None else {"x-amz-crc32": str(checksum)}
    with (
        injected(client, "BatchGetItem", lambda _: raw_answer(content, 200, **headers)),
        pytest.raises(StoreUnavailable) as caught,
    ):
        await store.recent.read([CUSTOMER])
    assert caught.value.transient


async def test_an_answer_damaged_on_its_way_is_asked_for_again(
    client: DynamoClient, store: Store
) -> None:
    damaged = raw_answer(b'{"Items":[]}', 200, **{"x-amz-crc32": "1"})
    with injected(client, "Query", lambda _: damaged):
        found = await store.history.between(CUSTOMER, after=0, until=NOW)
    assert len(found) == len(PURCHASES)

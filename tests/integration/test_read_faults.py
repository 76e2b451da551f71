"""Reads under faults at the wire: complete or an error, never a part."""

from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import (
    BotoCoreError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)

from adapters.dynamodb.client import DynamoClient
from domain.errors import CorruptRecord, StoreUnavailable
from domain.purchase import Purchase
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, dynamo_store
from tests.integration.faults import (
    Fault,
    Stopwatch,
    answer,
    body,
    error,
    injected,
    one_item_a_page,
    really,
    taking,
    time_out,
    with_parameters,
)

pytestmark = pytest.mark.anyio

PURCHASES = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - 10 + n) for n in range(6)]
CUSTOMER = PURCHASES[0].customer_id


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    store = dynamo_store(client)
    await store.recorder.record(PURCHASES)
    return store


async def read(store: Store) -> list[Purchase]:
    return list(await store.history.between(CUSTOMER, after=0, until=NOW))


def empty_page_with_a_key(_: AWSPreparedRequest) -> AWSResponse | None:
    """A legal answer: nothing on this page, but go on from this key."""
    key = {
        "customer_id": {"S": CUSTOMER},
        "purchase_id": {"S": "!"},
        "purchased_at": {"N": str(PURCHASES[0].purchased_at - 1)},
    }
    return answer({"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": key})


@pytest.mark.parametrize(
    "fault",
    [error("ThrottlingException"), error("InternalServerError", 500), time_out],
    ids=["throttled", "server error", "never arrived"],
)
async def test_a_passing_fault_is_retried(client: DynamoClient, store: Store, fault: Fault) -> None:
    with injected(client, "Query", fault, fault):
        assert await read(store) == PURCHASES


async def test_every_page_is_followed(client: DynamoClient, store: Store) -> None:
    with injected(client, "Query", *[one_item_a_page] * 6) as sent:
        assert await read(store) == PURCHASES
    assert sent.count("Query") == 7


async def test_an_empty_page_with_a_key_is_not_the_end(client: DynamoClient, store: Store) -> None:
    with injected(client, "Query", empty_page_with_a_key):
        assert await read(store) == PURCHASES


async def test_a_fault_between_pages_repeats_only_that_page(
    client: DynamoClient, store: Store
) -> None:
    with injected(client, "Query", one_item_a_page, time_out, one_item_a_page):
        assert await read(store) == PURCHASES


async def test_a_read_that_cannot_be_completed_is_no_answer(
    client: DynamoClient, store: Store
) -> None:
    with (
        injected(client, "Query", one_item_a_page, error("AccessDeniedException")),
        pytest.raises(StoreUnavailable, match="AccessDeniedException"),
    ):
        await read(store)


@pytest.mark.parametrize(
    "trouble",
    [
        NoCredentialsError(),
        PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        TokenRetrievalError(provider="sso", error_msg="expired"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_missing_credentials_are_reported_at_once_with_advice(
    client: DynamoClient, store: Store, trouble: BotoCoreError
) -> None:
    def refuse(_: AWSPreparedRequest) -> AWSResponse | None:
        raise trouble

    with (
        injected(client, "Query", refuse) as sent,
        pytest.raises(StoreUnavailable, match=f"{type(trouble).__name__}.*AWS_PROFILE"),
    ):
        await read(store)
    assert sent.count("Query") == 1


async def test_pages_of_a_megabyte_are_all_read(client: DynamoClient) -> None:
    store = dynamo_store(client)
    long_id, category = "x" * 120, "c" * 64
    many = [
        a_purchase(purchase_id=f"{long_id}{n:05d}", category=category, purchased_at=NOW - 10**9 - n)
        for n in range(4_000)
    ]
    await store.recorder.record(many)
    with injected(client, "Query") as sent:
        assert await read(store) == many[::-1]
    assert sent.count("Query") > 1


async def test_strongly_consistent_reads_are_asked_for(client: DynamoClient, store: Store) -> None:
    asked: list[dict[str, Any]] = []

    def note(request: AWSPreparedRequest) -> AWSResponse | None:
        asked.append(body(request))
        return None

    with injected(client, "Query", note):
        await read(store)
    assert asked[0]["ConsistentRead"] is True
    assert asked[0]["IndexName"] == "by_time"


def leave_unread(count: int) -> Fault:
    """The batch is answered but for `count` of its keys."""

    def fault(request: AWSPreparedRequest) -> AWSResponse:
        asked = body(request)["RequestItems"]
        ((table, parameters),) = asked.items()
        unread, kept = parameters["Keys"][:count], parameters["Keys"][count:]
        document: dict[str, Any] = {"Responses": {table: []}}
        if kept:
            with_parameters(request, RequestItems={table: parameters | {"Keys": kept}})
            document = really(request)
        document["UnprocessedKeys"] = {table: {"Keys": unread}}
        return answer(document)

    return fault


async def test_keys_left_unprocessed_are_asked_for_again(
    client: DynamoClient, store: Store
) -> None:
    asked = [CUSTOMER, "nobody", *(f"other-{n}" for n in range(20))]
    with injected(client, "BatchGetItem", leave_unread(22), leave_unread(5), leave_unread(1)):
        histories = await store.recent.of(asked)
    assert [history.customer_id for history in histories] == asked
    assert [len(history.purchases) for history in histories] == [6] + [0] * 21


async def test_keys_never_processed_are_an_error_not_an_empty_history(
    client: DynamoClient, store: Store
) -> None:
    client.monotonic = Stopwatch()
    with (
        injected(client, "BatchGetItem", taking(client.monotonic, 99, leave_unread(1))),
        pytest.raises(StoreUnavailable, match="1 customers were left unread"),
    ):
        await store.recent.of([CUSTOMER])


async def test_an_item_that_is_no_purchase_is_an_error(client: DynamoClient, store: Store) -> None:
    def spoilt(request: AWSPreparedRequest) -> AWSResponse:
        document = really(request)
        del document["Items"][0]["amount_minor"]
        return answer(document)

    with (
        injected(client, "Query", spoilt),
        pytest.raises(CorruptRecord, match="amount_minor"),
    ):
        await read(store)


async def test_an_element_that_is_no_purchase_is_an_error(
    client: DynamoClient, store: Store
) -> None:
    def spoilt(request: AWSPreparedRequest) -> AWSResponse:
        document = really(request)
        ((items),) = document["Responses"].values()
        items[0]["d20000"] = {"SS": ["no purchase"]}
        return answer(document)

    with (
        injected(client, "BatchGetItem", spoilt),
        pytest.raises(CorruptRecord, match="no purchase"),
    ):
        await store.recent.of([CUSTOMER])

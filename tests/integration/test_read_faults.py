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

from adapters.dynamodb import DynamoClient
from adapters.dynamodb.schema import encode_elements
from adapters.dynamodb.wire.errors import translated
from domain.errors import CorruptRecord, StoreUnavailable
from domain.purchases import Purchase
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, dynamo_store, settled
from tests.integration.faults import (
    Fault,
    answer,
    body,
    error,
    injected,
    one_item_a_page,
    really,
    time_out,
    with_parameters,
)

pytestmark = pytest.mark.anyio

PURCHASES = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - 10 + n) for n in range(6)]
CUSTOMER = PURCHASES[0].customer_id


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    store = await settled(dynamo_store(client))
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


@pytest.mark.full
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


OTHERS = [f"other-{n}" for n in range(20)]


@pytest.mark.parametrize("count", [1, 20])
async def test_keys_left_unprocessed_are_named_and_the_others_are_answered(
    client: DynamoClient, store: Store, count: int
) -> None:
    with injected(client, "BatchGetItem", leave_unread(count)) as sent:
        batch = await store.recent.read([*OTHERS, CUSTOMER])
    assert sent == ["BatchGetItem"]
    assert list(batch.unread) == OTHERS[:count]
    assert [h.customer_id for h in batch.histories] == [*OTHERS[count:], CUSTOMER]
    assert list(batch.histories[-1].purchases) == PURCHASES


async def test_keys_all_left_unprocessed_are_unread_and_not_empty_histories(
    client: DynamoClient, store: Store
) -> None:
    with injected(client, "BatchGetItem", leave_unread(21)):
        batch = await store.recent.read([CUSTOMER, *OTHERS])
    assert (list(batch.histories), list(batch.unread)) == ([], [CUSTOMER, *OTHERS])


@pytest.mark.parametrize(
    ("fault", "transient"),
    [
        (error("ThrottlingException"), True),
        (error("ProvisionedThroughputExceededException"), True),
        (error("InternalServerError", 500), True),
        (time_out, True),
        (error("AccessDeniedException"), False),
        (error("ResourceNotFoundException"), False),
        (error("ValidationException"), False),
    ],
    ids="throttled,provisioned,server error,no answer,denied,no table,invalid".split(","),
)
async def test_a_refused_batch_says_whether_asking_again_may_help_and_is_not_retried(
    client: DynamoClient, store: Store, fault: Fault, *, transient: bool
) -> None:
    with injected(client, "BatchGetItem", fault) as sent, pytest.raises(StoreUnavailable) as raised:
        await store.recent.read([CUSTOMER])
    assert raised.value.transient is transient
    assert sent == ["BatchGetItem"]


async def test_credentials_that_are_missing_do_not_come_by_asking_again() -> None:
    with pytest.raises(StoreUnavailable) as raised, translated():
        raise NoCredentialsError
    assert not raised.value.transient


def one_customer_a_page(request: AWSPreparedRequest) -> AWSResponse:
    """A page of a Scan as small as can be."""
    return answer(really(with_parameters(request, Limit=1)))


async def test_a_scan_follows_every_page_and_repeats_only_the_one_that_failed(
    client: DynamoClient, store: Store
) -> None:
    for customer in OTHERS[:3]:
        await store.recorder.record([a_purchase(customer_id=customer, purchased_at=NOW)])
    faults = [one_customer_a_page, time_out, *[one_customer_a_page] * 3]
    with injected(client, "Scan", *faults) as sent:
        batches = [batch async for batch in store.recent.scan(segment=0, segments=1)]
    customers = [history.customer_id for batch in batches for history in batch.histories]
    assert sorted(customers) == sorted([CUSTOMER, *OTHERS[:3]])
    assert sent.count("Scan") == 6


async def test_a_scan_that_cannot_be_completed_is_an_error(
    client: DynamoClient, store: Store
) -> None:
    await store.recorder.record([a_purchase(customer_id="other", purchased_at=NOW)])
    with (
        injected(client, "Scan", one_customer_a_page, error("AccessDeniedException")),
        pytest.raises(StoreUnavailable) as raised,
    ):
        _ = [batch async for batch in store.recent.scan(segment=0, segments=1)]
    assert not raised.value.transient


async def test_recent_purchases_are_asked_for_strongly_consistent(
    client: DynamoClient, store: Store
) -> None:
    asked: list[dict[str, Any]] = []

    def note(request: AWSPreparedRequest) -> AWSResponse | None:
        asked.append(body(request))
        return None

    with injected(client, "BatchGetItem", note):
        await store.recent.read([CUSTOMER])
    with injected(client, "Scan", note):
        _ = [batch async for batch in store.recent.scan(segment=0, segments=1)]
    (batch,) = asked[0]["RequestItems"].values()
    assert (batch["ConsistentRead"], asked[1]["ConsistentRead"]) == (True, True)


MANY = [f"customer-{n:02d}" for n in range(12)]


async def in_shard_of_many(store: Store) -> tuple[int, list[str]]:
    """The fullest shard of these customers' category, and who is in it."""
    for customer in MANY:
        await store.recorder.record(
            [
                a_purchase(
                    customer_id=customer, purchase_id=f"p{n}", purchased_at=NOW, category="m"
                )
                for n in range(2)
            ]
        )
    shards = [
        list((await store.index.page("m", shard=shard, after=None, most=None)).customers)
        for shard in range(store.index.shards)
    ]
    fullest = max(shards, key=len)
    return shards.index(fullest), fullest


async def follow(store: Store, shard: int) -> list[str]:
    customers: list[str] = []
    more = True
    while more:
        after = customers[-1] if customers else None
        page = await store.index.page("m", shard=shard, after=after, most=None)
        assert page.customers or not page.more
        customers += page.customers
        more = page.more
    return customers


async def test_index_pages_of_a_single_entry_yield_the_same_customers(
    client: DynamoClient, store: Store
) -> None:
    shard, customers = await in_shard_of_many(store)
    with injected(client, "Query", *[one_item_a_page] * len(customers)) as sent:
        assert await follow(store, shard) == customers
    assert sent.count("Query") == len(customers) + 1


async def test_an_empty_index_page_with_a_key_is_not_the_end(
    client: DynamoClient, store: Store
) -> None:
    shard, customers = await in_shard_of_many(store)

    def empty_page(request: AWSPreparedRequest) -> AWSResponse:
        values = body(request)["ExpressionAttributeValues"].values()
        (partition,) = [value["S"] for value in values if "#" in value["S"]]
        key = {"category_shard": partition, "customer_id": "!", "purchase_id": "!"}
        end = {name: {"S": text} for name, text in key.items()}
        return answer({"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": end})

    with injected(client, "Query", empty_page, time_out, empty_page) as sent:
        page = await store.index.page("m", shard=shard, after=None, most=2)
    assert (list(page.customers), page.more) == (customers[:2], True)
    assert sent.count("Query") == 4


async def test_an_index_page_that_is_refused_is_an_error(
    client: DynamoClient, store: Store
) -> None:
    with (
        injected(client, "Query", error("AccessDeniedException")),
        pytest.raises(StoreUnavailable) as raised,
    ):
        await store.index.page("m", shard=0, after=None, most=None)
    assert not raised.value.transient


async def test_an_item_that_is_no_purchase_is_an_error(client: DynamoClient, store: Store) -> None:
    def spoilt(request: AWSPreparedRequest) -> AWSResponse:
        document = really(request)
        del document["Items"][0]["amount_minor"]
        return answer(document)

    with injected(client, "Query", spoilt), pytest.raises(CorruptRecord, match="amount_minor"):
        await read(store)


@pytest.mark.parametrize(
    "attribute",
    [
        {"d20000": {"BS": ["no purchase"]}},
        {"d20000": {"S": "no set"}},
        {"no day": {"BS": []}},
        {"e20000": {"BS": []}},
        {"d20000": {"BS": encode_elements(a_purchase(category="unnamed"))}},
        {"d20000": {"SS": ["1\t1\tc\tp"]}},
    ],
    ids=[
        "no purchase",
        "no set",
        "no day",
        "another letter",
        "of a category that is not named",
        "of an older layout",
    ],
)
async def test_an_element_that_is_no_purchase_is_an_error(
    client: DynamoClient, store: Store, attribute: dict[str, Any]
) -> None:
    def spoilt(request: AWSPreparedRequest) -> AWSResponse:
        document = really(request)
        ((items),) = document["Responses"].values()
        items[0] |= attribute
        return answer(document)

    with injected(client, "BatchGetItem", spoilt), pytest.raises(CorruptRecord):
        await store.recent.read([CUSTOMER])

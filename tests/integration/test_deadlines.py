"""A port call is over at its deadline, however many pages and transactions it needs."""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import TypeVar

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from adapters.dynamodb import DynamoClient
from domain.errors import StoreUnavailable
from domain.purchases import Cancelling, Purchase
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store, dynamo_store
from tests.integration.faults import Stopwatch, injected, one_item_a_page, taking

T = TypeVar("T")
pytestmark = pytest.mark.anyio

PURCHASES = [a_purchase(purchase_id=f"p{n}", purchased_at=NOW - 10 + n) for n in range(6)]
CUSTOMER = PURCHASES[0].customer_id


@pytest.fixture
def stopwatch(client: DynamoClient) -> Stopwatch:
    client.monotonic = Stopwatch()
    client.options = replace(client.options, read_deadline_s=20.0, write_deadline_s=20.0)
    return client.monotonic


async def read(store: Store) -> list[Purchase]:
    return list(await store.history.between(CUSTOMER, after=0, until=NOW))


async def given_up(call: Coroutine[None, None, T]) -> T:
    """Fails, instead of hanging, where the call knows no deadline."""
    async with asyncio.timeout(20):
        return await call


async def test_the_pages_of_a_read_share_one_deadline(
    client: DynamoClient, stopwatch: Stopwatch
) -> None:
    store = dynamo_store(client)
    await store.recorder.record(PURCHASES)
    page = taking(stopwatch, 8.0, one_item_a_page)
    with injected(client, "Query", page, page, page) as sent, pytest.raises(StoreUnavailable):
        await read(store)
    assert sent.count("Query") == 3


async def test_a_write_counts_the_time_that_its_category_took(
    client: DynamoClient, stopwatch: Stopwatch
) -> None:
    with (
        injected(client, "UpdateItem", taking(stopwatch, 21.0)) as sent,
        pytest.raises(StoreUnavailable),
    ):
        await dynamo_store(client).recorder.record(PURCHASES)
    assert "TransactWriteItems" not in sent


async def test_the_transactions_of_a_write_share_one_deadline(
    client: DynamoClient, stopwatch: Stopwatch
) -> None:
    many = [a_purchase(purchase_id=f"p{n:03d}", purchased_at=NOW - n) for n in range(250)]
    transaction = taking(stopwatch, 12.0)
    with (
        injected(client, "TransactWriteItems", transaction, transaction) as sent,
        pytest.raises(StoreUnavailable),
    ):
        await dynamo_store(client).recorder.record(many)
    assert sent.count("TransactWriteItems") == 2


async def test_a_call_that_hangs_is_given_up_at_the_deadline(client: DynamoClient) -> None:
    over = Event()

    def hang(_: AWSPreparedRequest) -> AWSResponse | None:
        over.wait()
        return None

    client.options = replace(client.options, read_deadline_s=0.05)
    with injected(client, "Query", hang), ExitStack() as at_last:
        at_last.callback(over.set)
        with pytest.raises(StoreUnavailable):
            await given_up(read(dynamo_store(client)))


async def test_a_write_that_hangs_is_given_up_at_the_deadline_and_sending_it_again_is_safe(
    client: DynamoClient,
) -> None:
    over = Event()

    def hang(_: AWSPreparedRequest) -> AWSResponse | None:
        over.wait()
        return None

    store = dynamo_store(client)
    await store.canceller.cancel(CUSTOMER, "p1")  # the retention is marked for a minute
    patient, client.options = client.options, replace(client.options, write_deadline_s=1.0)
    with injected(client, "TransactWriteItems", hang), ExitStack() as at_last:
        at_last.callback(over.set)
        with pytest.raises(StoreUnavailable):
            await given_up(store.canceller.cancel(CUSTOMER, "p0"))
    client.options = patient
    assert await store.canceller.cancel(CUSTOMER, "p0") in Cancelling

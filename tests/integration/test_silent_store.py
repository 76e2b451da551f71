"""A store that hangs or is gone: after a few calls nobody waits, and its return is noticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from adapters.dynamodb import DynamoClient, DynamoPurchaseHistory, DynamoTables
from adapters.dynamodb.wire.breaker import IN_A_ROW, PROBE_EVERY_S, Breaker
from adapters.dynamodb.wire.transport import Answer, Exchange
from domain.errors import StoreUnavailable
from domain.retention import FOR_EVER
from tests.builders import NOW
from tests.doubles.memory import ManualClock
from tests.integration.faults import Stopwatch

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def hanging(client: DynamoClient, asked: list[str]) -> AsyncIterator[None]:
    """The store takes requests and answers none."""
    exchange = client.transport.exchange

    async def hang(request: Exchange) -> Answer:
        asked.append(request.headers["x-amz-target"])
        await asyncio.Event().wait()
        raise AssertionError

    client.transport.exchange = hang
    try:
        yield
    finally:
        client.transport.exchange = exchange


@pytest.fixture
def stopwatch(client: DynamoClient) -> Stopwatch:
    """Of the breaker alone; deadlines go by real time, and are short."""
    stopwatch = Stopwatch()
    client.options = replace(client.options, read_timeout_s=0.02, read_deadline_s=0.05)
    client.around = Breaker(monotonic=stopwatch).around
    return stopwatch


async def test_a_store_that_hangs_is_asked_now_and_then_and_its_return_is_noticed(
    client: DynamoClient, stopwatch: Stopwatch
) -> None:
    history = DynamoPurchaseHistory(client, clock=ManualClock(NOW), retention=FOR_EVER)

    async def read() -> None:
        await history.between("customer-1", after=0, until=NOW)

    asked: list[str] = []
    async with hanging(client, asked):
        while len(asked) < IN_A_ROW:
            stopwatch.now += 0.001
            with pytest.raises(StoreUnavailable):
                await read()
        before = len(asked)
        for _ in range(50):
            with pytest.raises(StoreUnavailable, match="in a row"):
                await read()
        assert len(asked) == before
        with pytest.raises(StoreUnavailable, match="in a row"):
            await DynamoTables(client).check()  # as /readyz says it
        stopwatch.now += PROBE_EVERY_S
        with pytest.raises(StoreUnavailable):
            await read()
        assert len(asked) == before + 1
    stopwatch.now += PROBE_EVERY_S
    client.options = replace(client.options, read_timeout_s=20, read_deadline_s=30)
    for _ in range(3):
        await read()

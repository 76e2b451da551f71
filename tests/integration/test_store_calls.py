"""Calls to the store as an observer sees them, reads and writes."""

import asyncio

import pytest

from adapters.dynamodb import DynamoClient, DynamoPurchaseRecorder, DynamoRecentPurchases
from adapters.dynamodb.wire.transport import Answer, Exchange
from domain.purchases import Recording
from domain.store_calls import CallOutcome
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import RETENTION
from tests.doubles.memory import ManualClock
from tests.doubles.observers import SeenCalls

THROTTLED = Answer(400, b'{"__type": "x#ThrottlingException"}', None)


@pytest.fixture
def seen(client: DynamoClient, monkeypatch: pytest.MonkeyPatch) -> SeenCalls:
    seen = SeenCalls()
    monkeypatch.setattr(client, "observer", seen)
    return seen


def test_a_purchase_that_is_known_is_a_condition_that_failed(
    client: DynamoClient, seen: SeenCalls
) -> None:
    recorder = DynamoPurchaseRecorder(client, clock=ManualClock(NOW), retention=RETENTION, shards=4)
    purchase = a_purchase(purchased_at=NOW)
    assert asyncio.run(recorder.record([purchase])) == [Recording.RECORDED]
    assert asyncio.run(recorder.record([purchase])) == [Recording.DUPLICATE]
    written = [call for call in seen.calls if call.operation == "TransactWriteItems"]
    assert [call.outcome for call in written] == [
        CallOutcome.ANSWERED,
        CallOutcome.CONDITION_FAILED,
    ]
    assert all(call.write_units > 0 and call.seconds > 0 for call in written)
    assert seen.retries == 0


def test_a_read_that_is_refused_once_is_two_calls_and_a_retry(
    client: DynamoClient, seen: SeenCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange, refused = client.transport.exchange, iter([THROTTLED])

    async def faulty(asked: Exchange) -> Answer:
        return next(refused, None) or await exchange(asked)

    monkeypatch.setattr(client.transport, "exchange", faulty)
    recent = DynamoRecentPurchases(client, clock=ManualClock(NOW), retention=RETENTION)
    asyncio.run(recent.one("nobody"))
    assert [call.outcome for call in seen.calls] == [
        CallOutcome.THROTTLED,
        CallOutcome.ANSWERED,
        CallOutcome.ANSWERED,  # what is kept, and then the customer
    ]
    assert seen.retries == 1
    assert seen.calls[1].read_units > 0

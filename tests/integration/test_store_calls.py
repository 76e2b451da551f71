"""Calls to the store as an observer sees them, reads and writes."""

import asyncio
import json
from collections import Counter

import pytest

from adapters.dynamodb import DynamoClient, DynamoPurchaseRecorder, DynamoRecentPurchases
from adapters.dynamodb.recent.marks import GOOD_FOR_US, MARKS
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


def test_of_all_who_find_a_mark_too_old_one_renews_it(
    client: DynamoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange, sent = client.transport.exchange, Counter[str]()

    async def noted(asked: Exchange) -> Answer:
        if json.loads(asked.body).get("Key") == {"customer_id": {"S": MARKS}}:
            sent[asked.headers["x-amz-target"].rpartition(".")[2]] += 1
        return await exchange(asked)

    monkeypatch.setattr(client.transport, "exchange", noted)
    clock = ManualClock(NOW)
    recorder = DynamoPurchaseRecorder(client, clock=clock, retention=RETENTION, shards=4)
    recent = DynamoRecentPurchases(client, clock=clock, retention=RETENTION)

    async def many(purchase_id: str) -> None:
        each = [a_purchase(customer_id=f"c{n}", purchase_id=purchase_id) for n in range(12)]
        await asyncio.gather(*(recorder.record([one]) for one in each))
        await asyncio.gather(*(recent.one(one.customer_id) for one in each))

    for minute in range(1, 4):
        asyncio.run(many(f"p{minute}"))  # each in an event loop of its own
        assert sent == {"UpdateItem": minute, "GetItem": minute}
        clock.now += GOOD_FOR_US

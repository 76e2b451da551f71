"""Calls to the store as an observer sees them, reads and writes."""

import asyncio
import json
from collections import Counter
from contextlib import nullcontext

import pytest

from adapters.dynamodb import DynamoClient, DynamoPurchaseRecorder, DynamoRecentPurchases
from adapters.dynamodb.recent.marks import GOOD_FOR_US, MARKS, RENEWED_AFTER_US
from adapters.dynamodb.wire.transport import Answer, Exchange
from domain.errors import StoreUnavailable
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


@pytest.fixture
def marks(client: DynamoClient, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the item of marks was written and read."""
    exchange, sent = client.transport.exchange, Counter[str]()

    async def noted(asked: Exchange) -> Answer:
        if json.loads(asked.body).get("Key") == {"customer_id": {"S": MARKS}}:
            sent[asked.headers["x-amz-target"].rpartition(".")[2]] += 1
        return await exchange(asked)

    monkeypatch.setattr(client.transport, "exchange", noted)
    return sent


def test_a_mark_is_renewed_ahead_of_time_by_one_and_nobody_else(
    client: DynamoClient, marks: Counter[str]
) -> None:
    clock = ManualClock(NOW)
    recorder = DynamoPurchaseRecorder(client, clock=clock, retention=RETENTION, shards=4)
    recent = DynamoRecentPurchases(client, clock=clock, retention=RETENTION)

    async def many(purchase_id: str) -> None:
        each = [a_purchase(customer_id=f"c{n}", purchase_id=purchase_id) for n in range(12)]
        await asyncio.gather(*(recorder.record([one]) for one in each))
        await asyncio.gather(*(recent.one(one.customer_id) for one in each))

    asyncio.run(many("p0"))
    for minute in range(1, 4):
        marks.clear()
        clock.now += RENEWED_AFTER_US
        asyncio.run(many(f"p{minute}"))  # each in an event loop of its own
        assert marks == {"UpdateItem": 1, "GetItem": 1}
        asyncio.run(many(f"q{minute}"))
        assert marks == {"UpdateItem": 1, "GetItem": 1}


@pytest.mark.parametrize(("age", "fails"), [(RENEWED_AFTER_US, False), (GOOD_FOR_US, True)])
def test_a_renewal_ahead_of_time_may_fail(
    client: DynamoClient, monkeypatch: pytest.MonkeyPatch, age: int, fails: bool
) -> None:
    clock = ManualClock(NOW)
    recent = DynamoRecentPurchases(client, clock=clock, retention=RETENTION)
    asyncio.run(recent.one("nobody"))
    exchange, refused = (
        client.transport.exchange,
        Answer(400, b'{"__type": "x#AccessDenied"}', None),
    )

    async def faulty(asked: Exchange) -> Answer:
        about_marks = json.loads(asked.body).get("Key") == {"customer_id": {"S": MARKS}}
        return refused if about_marks else await exchange(asked)

    monkeypatch.setattr(client.transport, "exchange", faulty)
    clock.now += age
    for _ in range(2):
        with pytest.raises(StoreUnavailable) if fails else nullcontext():
            asyncio.run(recent.one("nobody"))

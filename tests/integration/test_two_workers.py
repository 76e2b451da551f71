"""Two workers on one customer at the same time: no update is lost."""

import asyncio
import json

import pytest

from adapters.dynamodb import DynamoClient
from api.queue import Consume
from domain.queue import Message
from tests.builders import DAY, NOW, a_purchase, raw_of, take_in
from tests.contracts.conftest import Store, dynamo_store, recent_of
from tests.doubles.memory import MemoryQueue

pytestmark = pytest.mark.anyio
AT_ONCE = 8


def a_worker(store: Store) -> Consume:
    return Consume(
        take_in=take_in(store.recorder, canceller=store.canceller, clock=store.clock),
        dead_letters=MemoryQueue(),
    )


def messages(*documents: object) -> list[Message]:
    return [
        Message(receipt=str(n), message_id=str(n), body=json.dumps(document))
        for n, document in enumerate(documents)
    ]


async def one_trial(store: Store, customer: str) -> None:
    """Each worker has a purchase of its own day and one of a common day; the third is cancelled."""
    one, other, third, both = (
        a_purchase(customer_id=customer, purchase_id=name, purchased_at=NOW - days * DAY)
        for name, days in (("one", 1), ("other", 1), ("third", 2), ("both", 3))
    )
    await store.recorder.record([third])
    ids = {"customer_id": customer, "purchase_id": "third"}
    first, second = messages(raw_of(one), raw_of(both)), messages(raw_of(other), raw_of(both))
    second += messages({"cancelled": ids})
    settled = await asyncio.gather(a_worker(store)(first), a_worker(store)(second))
    assert [len(done) for done in settled] == [2, 3]
    truth = await store.history.between(customer, after=0, until=NOW)
    (recent,) = await recent_of(store, customer)
    assert list(truth) == list(recent.purchases) == [both, one, other]


@pytest.mark.parametrize(
    "trials", [30, pytest.param(1_000, marks=[pytest.mark.full, pytest.mark.early(40)])]
)
async def test_two_workers_on_one_customer_lose_no_update(
    client: DynamoClient, trials: int
) -> None:
    store = dynamo_store(client)
    for start in range(0, trials, AT_ONCE):
        numbers = range(start, min(trials, start + AT_ONCE))
        await asyncio.gather(*(one_trial(store, f"customer-{n}") for n in numbers))

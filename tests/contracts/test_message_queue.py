"""What every MessageQueue promises."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from moto import mock_aws

from adapters.embedded import EmbeddedEngine
from adapters.sqs import MOST_BYTES, SqsClient, SqsOptions
from domain.errors import NotFound, Rejected, StoreUnavailable
from domain.queue import Message, MessageQueue, QueueDepth
from domain.values import MICROS_PER_SECOND
from tests.builders import missing
from tests.conftest import LOCAL_CREDENTIALS
from tests.doubles.memory import MemoryQueue

pytestmark = pytest.mark.anyio
KINDS = [
    "memory",
    *(pytest.param(kind, marks=pytest.mark.full) for kind in ("moto", "moto.fifo")),
    *(pytest.param(kind, marks=pytest.mark.engine) for kind in ("engine", "engine.fifo")),
]


def sqs(endpoint: str | None) -> SqsClient:
    return SqsClient(
        SqsOptions(endpoint=endpoint, region="us-east-1", credentials=LOCAL_CREDENTIALS)
    )


@dataclass(frozen=True)
class Case:
    queue: MessageQueue
    keeps_order: bool


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    kind, fifo, _ = request.param.partition(".fifo")
    if kind == "memory":
        yield Case(MemoryQueue(), keeps_order=True)
        return
    with ExitStack() as stack:
        if kind == "moto":
            stack.enter_context(mock_aws())
            client = sqs(None)
        else:
            client = sqs(f"http://127.0.0.1:{request.getfixturevalue('engine').port}")
        stack.callback(client.close)
        name = f"test-{uuid.uuid4().hex}{fifo}"
        client.create(name, visibility_s=30)
        client.create(name, visibility_s=30)  # there already
        yield Case(client.queue(name), keeps_order=bool(fifo))


async def received(queue: MessageQueue, *, visibility_s: int = 30) -> list[Message]:
    found: list[Message] = []
    while batch := await queue.receive(wait_s=0, visibility_s=visibility_s):
        assert len(batch) <= 10
        found += batch
    return found


async def test_what_was_sent_is_received_until_it_is_deleted(case: Case) -> None:
    sent = [f'{{"number": {number}, "text": "кира"}}' for number in range(13)]
    for number, body in enumerate(sent):
        await case.queue.send(body, reason=None, group=f"customer-{number}")
    found = await received(case.queue)
    assert sorted(message.body for message in found) == sorted(sent)
    assert {message.reason for message in found} == {None}
    assert await received(case.queue) == []
    await case.queue.hide(found[:7], seconds=0)
    again = await received(case.queue)
    assert sorted(m.body for m in again) == sorted(m.body for m in found[:7])
    await case.queue.delete(again)
    await case.queue.hide(found[7:10], seconds=0)
    await case.queue.hide(found[10:], seconds=0)
    assert len(await received(case.queue)) == 6


async def test_a_hidden_message_is_received_by_nobody_else(case: Case) -> None:
    await case.queue.send("one", reason=None, group="g")
    first, second = await asyncio.gather(
        *(case.queue.receive(wait_s=0, visibility_s=30) for _ in range(2))
    )
    assert len(first) + len(second) == 1


async def test_a_reason_travels_with_the_message(case: Case) -> None:
    await case.queue.send("{", reason="body: is not JSON\n(at 1)", group=None)
    (found,) = await received(case.queue)
    assert (found.body, (found.reason or "").startswith("body: is not JSON")) == ("{", True)


async def test_the_same_sent_again_is_another_message(case: Case) -> None:
    for _ in range(2):
        await case.queue.send("same", reason="same", group="one")
        found = await received(case.queue)
        assert [message.body for message in found] == ["same"]
        await case.queue.delete(found)


async def test_a_body_of_almost_a_megabyte_travels_with_what_room_is_left_for_the_reason(
    case: Case,
) -> None:
    for room in (0, 12, 20):
        await case.queue.send("x" * (MOST_BYTES - room), reason="\uffff" * 600, group=str(room))
    found = await received(case.queue)
    assert sorted(MOST_BYTES - len(message.body) for message in found) == [0, 12, 20]


async def test_a_message_says_when_it_was_sent(case: Case) -> None:
    before = time.time_ns() // 1_000
    await case.queue.send("one", reason=None, group="g")
    (found,) = await received(case.queue)
    assert found.sent_at is not None
    assert before - MICROS_PER_SECOND <= found.sent_at <= time.time_ns() // 1_000


async def test_the_depth_is_what_the_queue_holds(case: Case) -> None:
    assert (await case.queue.depth()).total == 0
    for number in range(5):
        await case.queue.send(str(number), reason=None, group=str(number))
    assert await case.queue.depth() == QueueDepth(visible=5, in_flight=0, delayed=0)
    found = await received(case.queue)
    await case.queue.delete(found[:2])
    await case.queue.hide(found[2:3], seconds=0)
    assert await case.queue.depth() == QueueDepth(visible=1, in_flight=2, delayed=0)


async def test_nothing_to_delete_is_no_call(case: Case) -> None:
    await case.queue.delete([])
    await case.queue.hide([], seconds=0)


async def test_groups_keep_their_order_where_the_queue_does(case: Case) -> None:
    for number in range(5):
        await case.queue.send(str(number), reason=None, group="one")
    if case.keeps_order:
        assert [message.body for message in await received(case.queue)] == list("01234")


def test_a_queue_that_is_not_there_names_the_way_out(engine: EmbeddedEngine) -> None:
    client = sqs(f"http://127.0.0.1:{engine.port}")
    with pytest.raises(NotFound, match="propensity worker create"):
        client.queue("nowhere")
    client.close()


def test_a_silent_endpoint_is_told() -> None:
    client = sqs("http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable, match="SQS"):
        client.queue("nowhere")
    client.close()


@pytest.mark.engine
@pytest.mark.parametrize("fifo", ["", ".fifo"])
def test_a_queue_gives_up_on_a_message_at_last(engine: EmbeddedEngine, fifo: str) -> None:
    client = sqs(f"http://127.0.0.1:{engine.port}")
    name, letters, others = (f"test-{uuid.uuid4().hex}{fifo}" for _ in range(3))
    try:
        for each in (letters, others, name):
            client.create(each, visibility_s=30)
        with pytest.raises(Rejected):
            client.check_redrive(name, letters)
        client.create(name, visibility_s=30, dead_letters=letters)
        client.check_redrive(name, letters)
        with pytest.raises(Rejected) as caught:
            client.check_redrive(name, others)
        assert not missing(caught.value.reason, letters, others)
        with pytest.raises(NotFound):
            client.check_redrive(f"no-{name}", letters)
    finally:
        client.close()

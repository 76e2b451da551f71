"""The queue's commands, on the embedded engine."""

import asyncio
import json
import os
import signal
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import pytest

from adapters.embedded import EmbeddedEngine
from adapters.sqs import SqsQueue
from api.composition import queues
from api.process import load_settings
from domain.queue import Message
from tests.builders import a_purchase, raw_of
from tests.cli.conftest import Run


@pytest.fixture(params=["", ".fifo"])
def queue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"test-{uuid.uuid4().hex}{request.param}"
    monkeypatch.setenv("PROPENSITY_QUEUE", name)
    return name


def send(*documents: object) -> None:
    settings = load_settings()

    async def all_of_them() -> None:
        with queues(settings) as client:
            to = client.queue(settings.queue)
            for document in documents:
                await to.send(json.dumps(document), reason=None, group="customer-1")

    asyncio.run(all_of_them())


@pytest.fixture
def work(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Runs the worker until the queue has nothing left for it: what it says.

    Nobody waits for messages, as the engine shows them at once.
    """
    receive, working = SqsQueue.receive, Event()

    async def receive_at_once(
        self: SqsQueue, *, wait_s: int, visibility_s: int
    ) -> Sequence[Message]:
        messages = await receive(self, wait_s=0 * wait_s, visibility_s=visibility_s)
        if working.is_set() and not messages:
            os.kill(os.getpid(), signal.SIGTERM)
        return messages

    def until_empty() -> str:
        working.set()
        code, _, err = run("worker")
        working.clear()
        assert code == 0
        return err

    monkeypatch.setattr(SqsQueue, "receive", receive_at_once)
    return until_empty


def test_messages_become_purchases_and_the_others_dead_letters(
    deployment: Path, engine: EmbeddedEngine, run: Run, work: Callable[[], str], queue: str
) -> None:
    assert engine.answers
    assert deployment.exists()
    run("tables", "create")
    code, _, err = run("worker")
    assert (code, "propensity worker create" in err) == (4, True)
    assert run("worker", "create")[0] == 0
    bad = raw_of(a_purchase(purchase_id="p2")) | {"amount_minor": -5}
    send(
        raw_of(a_purchase()),
        [raw_of(a_purchase()), bad],
        {"cancelled": {"customer_id": "c", "purchase_id": "p"}},
    )
    said = work()
    assert "recorded: 1" in said
    assert "cancellation cancelled: 1" in said
    for _ in range(2):  # looking changes nothing
        (letter,) = json.loads(run("worker", "dead-letters", "list", "--json")[1])
        assert letter["reason"].startswith("rejected: amount_minor")
        assert json.loads(letter["body"]) == bad
    assert "amount_minor" in run("worker", "dead-letters", "list")[1]
    assert json.loads(run("worker", "dead-letters", "replay", "--json")[1]) == {
        "replayed": 1,
        "left": 0,
    }
    assert json.loads(run("worker", "dead-letters", "list", "--json")[1]) == []
    assert "dead letter: 1" in work()

    code, out, _ = run("cancel", "customer-1", "purchase-1", "--json")
    assert (code, json.loads(out)["outcome"]) == (0, "cancelled")
    assert "already_cancelled" in run("cancel", "customer-1", "purchase-1")[1]
    assert run("cancel", "customer-1", " ")[0] == 2
    assert queue in os.environ["PROPENSITY_QUEUE"]

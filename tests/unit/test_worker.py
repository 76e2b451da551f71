"""The worker: what is deleted is safe, and what cannot be taken is a dead letter."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from api.entry.lambda_handler import failures
from api.queue import Consume, Taken, Worker, peek, replay
from api.queue.dead_letters import Replayed
from domain.errors import CorruptRecord, StoreUnavailable
from domain.purchases import Purchase, Recording
from domain.queue import Message, QueueDepth
from tests.builders import NOW, a_purchase, missing, raw_of, take_in
from tests.doubles.memory import ManualClock, MemoryQueue
from tests.doubles.observers import SeenMessages
from tests.doubles.store import Call, ReferenceStore

pytestmark = pytest.mark.anyio


class Shaky(ReferenceStore):
    """Fails every so many calls, before or after the write, as a network does."""

    def __init__(self) -> None:
        super().__init__()
        self.random = random.Random(7)
        self.failing = 0.0
        self.refuse = self.lose = self._fail

    def _fail(self, call: Call) -> None:
        if call.method in {"record", "cancel"} and self.random.random() < self.failing:
            raise StoreUnavailable("no answer")


class Setting:
    """A worker over memory, and how to run it until nothing is left."""

    def __init__(self) -> None:
        self.store = Shaky()
        self.queue, self.dead_letters = MemoryQueue(), MemoryQueue()
        self.consume = Consume(
            take_in=take_in(self.store, canceller=self.store), dead_letters=self.dead_letters
        )
        self.worker = Worker(queue=self.queue, consume=self.consume, visibility_s=30, concurrency=1)

    async def send(self, *documents: object) -> None:
        for document in documents:
            body = document if isinstance(document, str) else json.dumps(document)
            await self.queue.send(body, reason=None, group=None)

    async def once(self) -> None:
        while batch := await self.queue.receive(wait_s=0, visibility_s=0):
            await self.worker.handle(batch)

    async def refused(self) -> list[Message]:
        found: list[Message] = []
        while batch := await self.dead_letters.receive(wait_s=0, visibility_s=30):
            found += batch
        return found

    async def stored(self, customer: str = "customer-1") -> Sequence[Purchase]:
        return await self.store.between(customer, after=0, until=NOW)


NOTHING = QueueDepth(visible=0, in_flight=0, delayed=0)


def corrupt_for(customer: str) -> Callable[[Call], None]:
    """What is stored of that customer is no purchase."""

    def refuse(call: Call) -> None:
        if customer in call.customers:
            raise CorruptRecord("what is stored is no purchase")

    return refuse


def purchase(number: int, **changes: Any) -> Purchase:
    return a_purchase(purchase_id=f"p{number:05d}", purchased_at=NOW - number, **changes)


async def test_a_batch_is_one_transaction_per_customer() -> None:
    setting = Setting()
    mine = [purchase(number) for number in range(6)]
    yours = [purchase(number, customer_id="customer-2") for number in range(4)]
    await setting.send(*map(raw_of, [*mine, *yours]))
    await setting.once()
    assert len(setting.store.calls_of("record")) == 2
    assert list(await setting.stored()) == mine[::-1]
    assert setting.consume.counts == {"recorded": 10}


async def test_a_number_that_json_does_not_know_spoils_its_purchase_alone() -> None:
    setting = Setting()
    bad = json.dumps(raw_of(purchase(2)) | {"amount_minor": float("nan")})
    await setting.send(f"[{json.dumps(raw_of(purchase(1)))},{bad}]")
    await setting.once()
    assert list(await setting.stored()) == [purchase(1)]
    (letter,) = await setting.refused()
    assert "NaN" in letter.body
    assert "amount_minor" in (letter.reason or "")


async def test_what_cannot_be_taken_is_a_dead_letter_and_the_rest_is_recorded() -> None:
    setting = Setting()
    good, other = purchase(1), replace(purchase(1), amount_minor=7)
    bad = raw_of(purchase(2)) | {"amount_minor": -1}
    await setting.send(
        [raw_of(good), bad, 7],
        "{",
        raw_of(other),
        {"cancelled": {"customer_id": "", "purchase_id": "p"}},
    )
    await setting.once()
    assert list(await setting.stored()) == [good]
    letters = {letter.body: letter.reason or "" for letter in await setting.refused()}
    assert len(letters) == 5
    assert not missing(letters["{"], "unreadable", "body")
    assert not missing(letters["7"], "unreadable", "body")
    reasons = {
        json.loads(body)["purchase_id"]: reason
        for body, reason in letters.items()
        if "purchased_at" in body
    }
    assert not missing(reasons["p00002"], "rejected", "amount_minor")
    assert not missing(reasons["p00001"], "conflict", "purchase_id")
    assert any(not missing(reason, "rejected", "customer_id") for reason in letters.values())
    assert await setting.queue.receive(wait_s=0, visibility_s=0) == []


async def test_of_an_erased_customer_nothing_is_taken_and_nothing_kept_as_a_dead_letter() -> None:
    setting = Setting()
    await setting.store.erase("customer-1", suppressed_until=NOW + 1)
    ids = {"customer_id": "customer-1", "purchase_id": "p"}
    theirs = purchase(2, customer_id="customer-2")
    other = replace(purchase(1), amount_minor=7)
    await setting.send([raw_of(purchase(1)), raw_of(theirs), raw_of(other)], {"cancelled": ids})
    await setting.once()
    assert list(await setting.stored()) == []
    assert list(await setting.stored("customer-2")) == [theirs]
    assert await setting.refused() == []
    assert setting.consume.counts == {"erased": 2, "recorded": 1, "cancellation erased": 1}
    assert await setting.queue.receive(wait_s=0, visibility_s=0) == []


async def test_while_the_store_is_silent_nothing_is_deleted_or_refused() -> None:
    setting = Setting()
    setting.store.failing = 1.0
    await setting.send(
        [raw_of(purchase(1)), 7], {"cancelled": {"customer_id": "c", "purchase_id": "p"}}
    )
    batch = await setting.queue.receive(wait_s=0, visibility_s=0)
    await setting.worker.handle(batch)
    assert await setting.refused() == []
    assert len(await setting.queue.receive(wait_s=0, visibility_s=0)) == 2
    setting.store.failing = 0.0
    await setting.once()
    assert list(await setting.stored()) == [purchase(1)]
    assert len(await setting.refused()) == 1


async def test_each_message_is_told_once_whenever_it_is_taken() -> None:
    setting, seen = Setting(), SeenMessages()
    consume = replace(setting.consume, observer=seen)
    worker = replace(setting.worker, consume=consume)
    await setting.send([raw_of(purchase(1)), 7], raw_of(purchase(2)))
    setting.store.failing = 1.0
    await worker.handle(await setting.queue.receive(wait_s=0, visibility_s=0))
    setting.store.failing = 0.0
    await worker.handle(await setting.queue.receive(wait_s=0, visibility_s=0))
    assert seen.outcomes == {Taken.LEFT: 2, Taken.REFUSED: 1, Taken.DONE: 1}
    assert None not in seen.sent_at


async def test_what_breaks_its_neighbours_is_told_once_and_so_are_they() -> None:
    setting, seen = Setting(), SeenMessages()
    setting.store.refuse = corrupt_for("customer-2")
    consume = replace(setting.consume, observer=seen)
    await setting.send(raw_of(purchase(1)), raw_of(purchase(2, customer_id="customer-2")), "{")
    await replace(setting.worker, consume=consume).handle(
        await setting.queue.receive(wait_s=0, visibility_s=0)
    )
    assert seen.outcomes == {Taken.DONE: 1, Taken.LEFT: 1, Taken.REFUSED: 1}


async def test_a_worker_tells_what_the_queues_hold_and_when_they_do_not_say() -> None:
    class Silent(MemoryQueue):
        async def depth(self) -> QueueDepth:
            raise StoreUnavailable("no answer")

    for letters, known in ((MemoryQueue(), True), (Silent(), False)):
        setting, seen, stop = Setting(), SeenMessages(), asyncio.Event()
        await letters.send("{", reason=None, group=None)
        consume = replace(setting.consume, dead_letters=letters)
        running = asyncio.create_task(
            replace(setting.worker, consume=consume, observer=seen).run(stop)
        )
        while not seen.depths:  # noqa: ASYNC110  # no hook into the worker
            await asyncio.sleep(0)
        stop.set()
        await running
        held = NOTHING, replace(NOTHING, visible=1)
        assert seen.depths == [held if known else (None, None)]


async def test_while_the_dead_letter_queue_is_silent_its_message_stays() -> None:
    class Silent(MemoryQueue):
        async def send(self, body: str, /, *, reason: str | None, group: str | None) -> None:
            raise StoreUnavailable(f"no answer about {len(body)} bytes, {reason}, {group}")

    setting = Setting()
    consume = replace(setting.consume, dead_letters=Silent())
    await setting.send("{", raw_of(purchase(1)))
    batch = await setting.queue.receive(wait_s=0, visibility_s=0)
    await replace(setting.worker, consume=consume).handle(batch)
    assert [m.body for m in await setting.queue.receive(wait_s=0, visibility_s=0)] == ["{"]


async def test_any_order_duplicates_and_failures_end_where_a_clean_import_does() -> None:
    setting, chance = Setting(), random.Random(11)
    customers = [f"customer-{number}" for number in range(5)]
    purchases = [purchase(n, customer_id=chance.choice(customers)) for n in range(300)]
    cancelled = chance.sample(purchases, 40)
    documents: list[object] = [raw_of(each) for each in purchases + purchases[::3]]
    documents += [
        {"cancelled": {"customer_id": each.customer_id, "purchase_id": each.purchase_id}}
        for each in cancelled
    ]
    chance.shuffle(documents)
    await setting.send(*documents)
    setting.store.failing = 0.2
    await setting.once()
    kept = [each for each in purchases if each not in cancelled]
    for customer in customers:
        expected = sorted(
            (p for p in kept if p.customer_id == customer), key=lambda p: p.purchased_at
        )
        assert list(await setting.stored(customer)) == expected
    assert await setting.refused() == []


async def test_a_stopped_worker_finishes_what_it_began_and_tells_what_became_of_it() -> None:
    setting, stop = Setting(), asyncio.Event()
    await setting.send(*(raw_of(purchase(number)) for number in range(25)), "{")
    running = asyncio.create_task(replace(setting.worker, concurrency=3).run(stop))
    while setting.consume.counts["recorded"] < 25:  # noqa: ASYNC110  # no hook into the worker
        await asyncio.sleep(0)
    stop.set()
    counts = await running
    assert (counts["recorded"], counts["dead letter"]) == (25, 1)


async def test_a_batch_that_breaks_the_worker_is_left_and_the_next_one_handled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    setting, stop = Setting(), asyncio.Event()

    class Broken(MemoryQueue):
        broken = 2

        async def receive(self, *, wait_s: int, visibility_s: int) -> Sequence[Message]:
            self.broken -= 1
            if self.broken == 1:
                raise KeyError("customer-1")
            if self.broken == 0:
                stop.set()
            return await super().receive(wait_s=wait_s, visibility_s=visibility_s)

    worker = replace(setting.worker, queue=Broken())
    await worker.run(stop)
    assert "KeyError" in caplog.text
    assert "customer-1" not in caplog.text


async def test_one_message_that_breaks_the_worker_holds_back_no_neighbour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    setting = Setting()

    async def record(purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        if purchases[0].customer_id == "corrupt":
            raise CorruptRecord("customer-1")
        return await Shaky.record(setting.store, purchases)

    setting.store.record = record  # type: ignore[method-assign]
    corrupt = purchase(3, customer_id="corrupt")
    await setting.send(raw_of(purchase(1)), raw_of(corrupt), raw_of(purchase(2)), "{")
    await setting.worker.handle(await setting.queue.receive(wait_s=0, visibility_s=0))
    left = await setting.queue.receive(wait_s=0, visibility_s=0)
    assert [message.body for message in left] == [json.dumps(raw_of(corrupt))]
    assert list(await setting.stored()) == [purchase(2), purchase(1)]
    assert len(await setting.refused()) == 1
    assert "CorruptRecord" in caplog.text
    assert "customer-1" not in caplog.text


async def test_what_a_stopped_worker_cannot_finish_in_time_is_left() -> None:
    setting, stop = Setting(), asyncio.Event()

    async def record(_: Sequence[Purchase], /) -> Sequence[Recording]:
        stop.set()
        await asyncio.Event().wait()
        return []

    setting.store.record = record  # type: ignore[method-assign]
    seconds = ManualClock(0)
    queue = MemoryQueue(seconds)
    await queue.send(json.dumps(raw_of(purchase(1))), reason=None, group=None)
    assert await replace(setting.worker, queue=queue, drain_s=0.0).run(stop) == {}
    seconds.now = 30
    assert len(await queue.receive(wait_s=0, visibility_s=0)) == 1


async def test_a_dead_letter_is_never_longer_than_its_message_and_holds_what_sqs_takes() -> None:
    setting = Setting()
    long = json.dumps([{"x": [1e15] * 100_000}])
    await setting.send(long.replace(" ", ""), '[{"\\uffff":"\\ufffe"}]')
    await setting.once()
    first, second = [letter.body for letter in await setting.refused()]
    assert len(first) <= len(long)
    assert second == '{"\\uffff":"\\ufffe"}'


async def test_a_replay_ends_though_a_worker_refuses_what_comes() -> None:
    setting = Setting()

    class Worked(MemoryQueue):
        async def send(self, body: str, /, *, reason: str | None, group: str | None) -> None:
            await super().send(body, reason=reason, group=group)
            await setting.worker.handle(await self.receive(wait_s=0, visibility_s=0))

    good = json.dumps(raw_of(purchase(1)))
    for body in ("{", good, "}"):
        await setting.dead_letters.send(body, reason="unreadable", group=None)
    queue = Worked()
    setting.worker = replace(setting.worker, queue=queue)
    assert await replay(setting.dead_letters, queue) == Replayed(replayed=3, left=2)
    assert list(await setting.stored()) == [purchase(1)]
    assert [letter.body for letter in await peek(setting.dead_letters, 9)] == ["{", "}"]


async def test_a_replay_that_is_interrupted_loses_nothing() -> None:
    class Interrupted(MemoryQueue):
        async def delete(self, messages: Sequence[Message], /) -> None:
            raise StoreUnavailable(f"no answer about {len(messages)}")

    letters, queue = Interrupted(lambda: 0.0), MemoryQueue()
    await letters.send("{", reason="unreadable", group=None)
    with pytest.raises(StoreUnavailable):
        await replay(letters, queue)
    assert [m.body for m in await queue.receive(wait_s=0, visibility_s=0)] == ["{"]


async def test_a_lambda_names_what_comes_again_and_the_rest_of_its_group() -> None:
    setting = Setting()
    silent = {"customer-1"}

    async def record(purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        if purchases[0].customer_id in silent:
            raise StoreUnavailable("no answer")
        return await Shaky.record(setting.store, purchases)

    setting.store.record = record  # type: ignore[method-assign]
    bodies = [
        ("a", raw_of(purchase(1, customer_id="customer-2")), "customer-2"),
        ("b", raw_of(purchase(1)), "customer-1"),
        ("c", 7, "customer-1"),
        ("d", 7, None),
    ]
    records = [
        {
            "messageId": message,
            "receiptHandle": message,
            "body": json.dumps(body),
            "attributes": {"MessageGroupId": group} if group else {},
        }
        for message, body, group in bodies
    ]
    assert await failures(setting.consume, records) == [
        {"itemIdentifier": "b"},
        {"itemIdentifier": "c"},
    ]
    assert list(await setting.stored("customer-2")) == [purchase(1, customer_id="customer-2")]
    silent.clear()
    assert await failures(setting.consume, records) == []


def poison(number: int) -> str:
    """A malformed message, of twenty kinds in turn."""
    good = raw_of(purchase(number))
    kinds: list[object] = [
        good | {"amount_minor": -1},
        good | {"amount_minor": "12"},
        good | {"amount_minor": 1.5},
        good | {"amount": 12.5},
        good | {"currency": "EUR"},
        good | {"customer_id": ""},
        good | {"customer_id": None},
        good | {"customer_id": "x" * 300},
        good | {"purchase_id": "a\u0000b"},
        good | {"purchased_at": "yesterday"},
        good | {"purchased_at": "2999-01-01T00:00:00Z"},
        good | {"purchased_at": "2026-01-01T00:00:00"},
        good | {"category": ["shirts"]},
        good | {"colour": "red"},
        {"cancelled": {"customer_id": "c"}},
        {"specversion": "1.0", "id": "1", "source": "s", "type": "other", "data": good},
        {"Type": "Notification", "Message": "{"},
        number,
        [],
    ]
    chosen = number % (len(kinds) + 1)
    return "{" * (number + 1) if chosen == len(kinds) else json.dumps(kinds[chosen])


async def test_a_thousand_malformed_messages_stop_nothing_and_lose_nothing() -> None:
    setting, chance = Setting(), random.Random(3)
    good = [purchase(number, customer_id=f"c{number % 20}") for number in range(1_000)]
    bodies = [json.dumps(raw_of(each)) for each in good] + [poison(n) for n in range(1_000)]
    chance.shuffle(bodies)
    await setting.send(*bodies)
    await setting.once()
    assert setting.consume.counts["recorded"] == 1_000
    letters = await setting.refused()
    assert len(letters) == 1_000
    reasons = {(letter.reason or "").split(" (")[0] for letter in letters}
    assert len(reasons) >= 15
    assert all(reason.startswith(("unreadable", "rejected")) for reason in reasons)
    assert await setting.queue.receive(wait_s=0, visibility_s=0) == []

"""The policies in docs/reference/iam grant what is really sent to DynamoDB and SQS, and no more."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.endpoint import Endpoint

from adapters.dynamodb import DynamoClient, DynamoTables
from adapters.dynamodb.wire.transport import Transport
from adapters.embedded import EmbeddedEngine
from adapters.sqs import SqsQueue
from api.composition import Application, queues
from api.process import Settings
from api.process.key_polling import KeyPolling
from api.queue import peek, replay
from domain.audience import AudienceQuery, ReadWay
from domain.errors import TablesDiffer
from domain.keys import Keyring, KeyWanted, ManageKeys, Scope
from domain.outcomes import JoinOutcomes
from domain.prediction import PredictPropensity
from domain.purchases import Purchase, RawPurchase
from domain.replay import ReplayDecision, Verdict
from domain.retention import FOR_EVER, PurchaseRetention
from domain.values import MICROS_PER_DAY, instant
from tests.aws_actions import Grants, of_dynamodb, of_sqs
from tests.builders import a_policy, a_purchase, a_served_model, a_traffic, raw_of
from tests.conftest import patient_client
from tests.doubles.decisions import MemoryDecisionLog, a_decision, a_scored
from tests.doubles.memory import MemoryKeyStore
from tests.fakes import SaturatingScorer

POLICIES = Path(__file__).parents[2] / "docs" / "reference" / "iam"


def granted(name: str) -> Grants:
    """Action and resource, as table or table/index/name, of every statement of a policy."""
    statements = json.loads((POLICIES / f"{name}.json").read_text())["Statement"]
    assert all(each["Effect"] == "Allow" for each in statements)
    return {
        (action, resource.partition(":ACCOUNT:")[2].removeprefix("table/").removeprefix("PREFIX"))
        for each in statements
        for action in each["Action"]
        for resource in each["Resource"]
    }


def needed(operation: str, request: dict[str, Any]) -> Grants:
    """What IAM asks of whoever sends this request, without this test's prefix of tables."""
    asked = of_dynamodb(operation, request)
    return {(action, re.sub("^test-[0-9a-f]{12}-", "", table)) for action, table in asked}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every request of this process, on both ways to AWS: operation and body."""
    requests: list[tuple[str, dict[str, Any]]] = []
    make_request, send = Endpoint.make_request, Transport.send

    def by_botocore(self: Endpoint, operation: Any, request: dict[str, Any]) -> Any:
        requests.append((operation.name, json.loads(request["body"])))
        return make_request(self, operation, request)

    async def by_transport(self: Transport, operation: str, request: Any) -> Any:
        requests.append((operation, dict(request)))
        return await send(self, operation, request)

    monkeypatch.setattr(Endpoint, "make_request", by_botocore)
    monkeypatch.setattr(Transport, "send", by_transport)
    return requests


@pytest.fixture
def built(client: DynamoClient) -> Application:
    """A deployment with some purchases, one older than the recent days."""
    settings = Settings(
        dynamodb_endpoint=str(client.options.endpoint),
        table_prefix=client.options.table_prefix,
        read_deadline_s=30,
        audience_deadline_s=60,
    )
    built = Application(settings, client)
    asyncio.run(record(built, [bought(built, f"customer-{each}", 1) for each in range(3)]))
    asyncio.run(record(built, [bought(built, "customer-0", 200, "old")]))
    return built


def bought(built: Application, customer: str, days_ago: int, purchase_id: str = "new") -> Purchase:
    return a_purchase(
        customer_id=customer,
        purchase_id=purchase_id,
        purchased_at=built.clock() - days_ago * MICROS_PER_DAY,
    )


async def record(built: Application, purchases: Sequence[Purchase]) -> None:
    await built.take_in([RawPurchase(raw_of(each)) for each in purchases])


async def predicting(built: Application) -> None:
    """Alone, side by side, an earlier as_of that only the index knows, and readiness."""
    predict = PredictPropensity(
        score=built.predict.score,
        traffic=lambda _: a_traffic(SaturatingScorer()),
        policy=a_policy(),
        clock=built.clock,
    )
    await predict("customer-0")
    await asyncio.gather(*(predict(f"customer-{each}") for each in range(3)))
    await predict("customer-0", as_of=built.clock() - 190 * MICROS_PER_DAY)
    await built.tables.check()


def refund_of(customer_id: str, purchase_id: str, at: int) -> dict[str, object]:
    """A refund of one minor unit."""
    return {
        "customer_id": customer_id,
        "purchase_id": purchase_id,
        "refund_id": "refund-1",
        "refunded_at": instant.render(at),
        "amount_minor": 1,
        "currency": "USD",
    }


async def recording(built: Application) -> None:
    """New, recent and old, known and in conflict, and cancelled before or after it came."""
    new = bought(built, "customer-9", 1)
    await record(built, [new, bought(built, "customer-9", 300, "old")])
    await record(built, [new])
    await record(built, [bought(built, "customer-9", 2)])
    for purchase_id in ("new", "old", "later"):
        await built.refund(refund_of("customer-9", purchase_id, built.clock()))
    await record(built, [bought(built, "customer-9", 3, "later")])
    await built.cancel("customer-9", "new")
    await built.cancel("customer-9", "old")
    await built.cancel("customer-9", "not yet")


async def reading_audiences(built: Application) -> None:
    """Every way of reading, the list of categories, verify, and a training sample."""
    traffic, now = a_traffic(SaturatingScorer()), built.clock()
    await built.plan_audience("grocery", as_of=now, traffic=traffic, deadline_s=30)
    for way in ReadWay:
        query = AudienceQuery(
            category="grocery", as_of=now, traffic=traffic, deadline_s=30, way=way
        )
        async with built.audience.stream(query) as (batches, _):
            async for _ in batches:
                pass
    await built.index.categories()
    await built.verify(["customer-0", "customer-1"])
    await built.collect_histories(most_customers=10, on_progress=lambda *_: None)


async def erasing(built: Application) -> None:
    await built.records.of("customer-1")
    await built.erase("customer-1")


async def erasing_again(built: Application) -> None:
    await built.erase("customer-1")
    await built.erase_again()


async def looking_back(built: Application) -> None:
    """A decision that comes out differently, for no purchase that is stored; and one's outcome."""
    model = a_served_model(SaturatingScorer())
    scored, as_of = (
        a_scored(0.5, features=(1.0,), horizon_days=1),
        built.clock() - 2 * MICROS_PER_DAY,
    )
    decision = a_decision(scored, customer_id="customer-0", as_of=as_of)
    history = built.history
    replay_one = ReplayDecision(load=lambda _: model, history=history, records=built.records)
    assert (await replay_one(decision)).verdict is Verdict.DIFFERENT
    join = JoinOutcomes(
        log=MemoryDecisionLog([decision]), history=history, retention=FOR_EVER, clock=built.clock
    )
    assert len(await join("propensity", start=0, end=built.clock())) == 1


async def serving_keys(built: Application) -> None:
    """What every server does, once a key is used."""
    keyring = Keyring(clock=built.clock, monotonic=time.monotonic)
    wanted = KeyWanted(actor="shop", scopes=frozenset({Scope.RECORD}))
    issued = await ManageKeys(store=MemoryKeyStore(), clock=built.clock).create(wanted)
    polling = KeyPolling(built.key_store, keyring)
    await polling.start()
    keyring.replace([issued.key], asked_at=time.monotonic())
    keyring.holder_of(issued.secret)
    await polling.poll()
    await polling.stop()


async def managing_keys(built: Application) -> None:
    issued = await built.keys.create(KeyWanted(actor="shop", scopes=frozenset({Scope.RECORD})))
    await built.keys.rotate(issued.key.key_id, overlap_s=60)
    await built.keys.revoke(issued.key.key_id)


async def rebuilding(built: Application) -> None:
    began_at = built.clock()
    await asyncio.to_thread(built.tables.identity)  # whose rebuild an interrupted one was
    async for _, customers in built.every_customer.batches():
        for customer in customers:
            await built.rebuilder.rebuild(customer)
    async for _ in built.recent.scan(segment=0, segments=1):
        pass
    await built.rebuilder.finish(began_at=began_at)


async def spreading(built: Application) -> None:
    await built.category_partitions.before("grocery", 64)
    await built.category_partitions.raise_to("grocery", 64)


async def creating_tables(built: Application) -> None:
    """Where there are none, under a retention, which needs one more TTL."""
    client = patient_client(built.client.options.endpoint)
    await asyncio.to_thread(DynamoTables(client, retention=PurchaseRetention(400)).create)
    client.close()


async def checking_tables(built: Application) -> None:
    with suppress(TablesDiffer):  # the tests' tables have no TTL
        await asyncio.to_thread(built.tables.verify)


USES: dict[str, Callable[[Application], Coroutine[None, None, None]]] = {
    "predict": predicting,
    "record": recording,
    "audience": reading_audiences,
    "erase": erasing,
    "erase-again": erasing_again,
    "replay": looking_back,
    "keys-serve": serving_keys,
    "keys-manage": managing_keys,
    "rebuild": rebuilding,
    "spread": spreading,
    "create-tables": creating_tables,
    "check-tables": checking_tables,
}


@pytest.mark.parametrize("use", USES)
def test_a_policy_grants_what_its_use_sends(
    use: str, client: DynamoClient, built: Application, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    fresh = Application(built.settings, client)
    sent.clear()
    asyncio.run(USES[use](fresh))
    found: Grants = set().union(*(needed(*each) for each in sent))
    assert found == granted(use)


@pytest.fixture
def queue() -> str:
    return f"test-{uuid.uuid4().hex}"


def of_queues(sent: list[tuple[str, dict[str, Any]]], queue: str) -> Grants:
    asked: Grants = set().union(*(of_sqs(*each) for each in sent))
    return {(action, name.replace(queue, "QUEUE")) for action, name in asked}


def test_the_workers_policies_grant_what_it_sends(
    engine: EmbeddedEngine, queue: str, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    settings = Settings(dynamodb_endpoint=f"http://127.0.0.1:{engine.port}", queue=queue)
    with queues(settings) as client:
        client.create(settings.dead_letter_name, visibility_s=60)
        client.create(settings.queue, visibility_s=60, dead_letters=settings.dead_letter_name)
        client.check_redrive(settings.queue, settings.dead_letter_name)
        assert of_queues(sent, queue) == granted("create-queues")
        sent.clear()
        asyncio.run(working(client.queue(queue), client.queue(settings.dead_letter_name)))
        assert of_queues(sent, queue) == granted("worker")


async def working(queue: SqsQueue, letters: SqsQueue) -> None:
    """What a worker asks of its queues, and the commands for dead letters."""
    await queue.send("{}", reason=None, group="customer-1")
    messages = await queue.receive(wait_s=0, visibility_s=60)
    await queue.hide(messages, seconds=60)
    await letters.send("{}", reason="it is empty", group="customer-1")
    await queue.delete(messages)
    await asyncio.gather(queue.depth(), letters.depth())
    await peek(letters, 10)
    await replay(letters, queue)

"""Every implementation of the store's ports, as one bundle each.

A further DynamoDB endpoint joins by TEST_DYNAMODB_ENDPOINT, such as DynamoDB Local's.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from moto import mock_aws

from adapters.dynamodb import (
    DynamoCategoryIndex,
    DynamoCategoryPartitions,
    DynamoClient,
    DynamoCustomerEraser,
    DynamoCustomerRecords,
    DynamoPurchaseCanceller,
    DynamoPurchaseHistory,
    DynamoPurchaseRecorder,
    DynamoPurchaseRefunder,
    DynamoRecentPurchases,
    DynamoRecentRebuilder,
    DynamoTables,
)
from adapters.dynamodb.wire.transport import Answer, Exchange
from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from domain.categories import CategoryIndex
from domain.customers import CustomerRecords
from domain.customers.ports import CustomerEraser
from domain.health import StoreHealth
from domain.purchases import Purchase, PurchaseHistory
from domain.purchases.ports import PurchaseCanceller, PurchaseRecorder, PurchaseRefunder
from domain.recent import RecentHistory, RecentPurchases, RecentRebuilder, as_listed
from domain.retention import FOR_EVER, PurchaseRetention, Retention
from domain.values import Consistency, Window
from tests.builders import NOW
from tests.conftest import OwnTables
from tests.contracts.buckets import create_bucket, location
from tests.doubles.memory import ManualClock
from tests.doubles.store import ReferenceStore

RETENTION = Retention.covering(Window.days(30))
SHARDS = 4
ENDPOINTS = [url for url in [os.environ.get("TEST_DYNAMODB_ENDPOINT")] if url]


@dataclass(frozen=True, kw_only=True)
class Store:
    """One implementation of every port of the store, over the same empty purchases.

    It has a `client`, or is the `double` in memory. `keeping` is a store with a retention, as empty as this one.
    `spread` spreads a category over so many partitions of a shard; its store writes to all of them at
    once, and this one may not know it for a minute.
    """

    recorder: PurchaseRecorder
    canceller: PurchaseCanceller
    refunder: PurchaseRefunder
    eraser: CustomerEraser
    records: CustomerRecords
    rebuilder: RecentRebuilder
    history: PurchaseHistory
    recent: RecentPurchases
    index: CategoryIndex
    health: StoreHealth
    clock: ManualClock
    keeping: Callable[[PurchaseRetention], "Store"]
    spread: Callable[[str, int], Awaitable["Store"]]
    client: DynamoClient | None = None
    double: ReferenceStore | None = None


def memory_store(kept: PurchaseRetention = FOR_EVER) -> Store:
    clock = ManualClock(NOW)
    purchases = ReferenceStore(clock=clock, retention=Retention(RETENTION.days, kept))

    async def spread(_category: str, _per_shard: int) -> Store:
        return bundle  # its categories have no partitions

    bundle = Store(
        recorder=purchases,
        canceller=purchases,
        refunder=purchases,
        eraser=purchases,
        records=purchases,
        rebuilder=purchases,
        history=purchases,
        recent=purchases,
        index=purchases,
        health=purchases,
        clock=clock,
        keeping=memory_store,
        spread=spread,
        double=purchases,
    )
    return bundle


def dynamo_store(
    client: DynamoClient,
    kept: PurchaseRetention = FOR_EVER,
    *,
    reading: Consistency = Consistency.STRONG,
) -> Store:
    clock, retention = ManualClock(NOW), Retention(RETENTION.days, kept)
    history = DynamoPurchaseHistory(client, clock=clock, retention=kept)

    async def spread(category: str, per_shard: int) -> Store:
        partitions = DynamoCategoryPartitions(client, shards=SHARDS)
        await partitions.raise_to(category, per_shard * SHARDS)
        return dynamo_store(client, kept, reading=reading)

    return Store(
        recorder=DynamoPurchaseRecorder(client, clock=clock, retention=retention, shards=SHARDS),
        rebuilder=DynamoRecentRebuilder(client, clock=clock, retention=retention, history=history),
        canceller=DynamoPurchaseCanceller(client, clock=clock, retention=retention),
        refunder=DynamoPurchaseRefunder(client, clock=clock, retention=retention),
        eraser=DynamoCustomerEraser(client),
        records=DynamoCustomerRecords(client, clock=clock, retention=retention),
        history=DynamoPurchaseHistory(client, clock=clock, retention=kept, consistency=reading),
        recent=DynamoRecentPurchases(client, clock=clock, retention=retention, consistency=reading),
        index=DynamoCategoryIndex(client, shards=SHARDS),
        health=DynamoTables(client),
        clock=clock,
        keeping=lambda kept: dynamo_store(client, kept, reading=reading),
        spread=spread,
        client=client,
    )


async def settled(store: Store) -> Store:
    """The store, once it has set and read the marks of retentions that it looks after once a minute.

    For tests that count or break its requests; the tests' clock stands still.
    """
    await store.recorder.record([])
    await store.recent.one("nobody")
    return store


def through_botocore(reader: Any) -> Callable[[Exchange], Awaitable[Answer]]:
    """Requests as botocore would send them: moto answers in this process, to botocore alone."""

    async def exchange(asked: Exchange) -> Answer:
        operation = asked.headers["x-amz-target"].rpartition(".")[2]
        try:
            answer = reader._make_api_call(operation, json.loads(asked.body, object_hook=_raw))  # noqa: SLF001  # by name
        except ClientError as exc:
            refusal = {**exc.response, "__type": exc.response["Error"]["Code"]}
            return Answer(400, json.dumps(refusal, default=_spelled).encode(), None)
        return Answer(200, json.dumps(answer, default=_spelled).encode(), None)

    return exchange


def _raw(value: dict[str, Any]) -> dict[str, Any]:
    """What botocore takes: bytes, which it spells in base64 itself."""
    if isinstance(value.get("B"), str):
        return {"B": b64decode(value["B"])}
    if isinstance(value.get("BS"), list):
        return {"BS": [b64decode(each) for each in value["BS"]]}
    return value


def _spelled(value: bytes | datetime) -> str | float:
    """What botocore read, as the service sends it."""
    return value.timestamp() if isinstance(value, datetime) else b64encode(value).decode()


async def recent_of(store: Store, *customer_ids: str) -> list[RecentHistory]:
    """The recent purchases of these customers, in their order, once all are read."""
    batch = await store.recent.read(customer_ids)
    assert not batch.unread
    histories = {history.customer_id: history for history in batch.histories}
    assert len(histories) == len(batch.histories)
    return [histories[customer_id] for customer_id in customer_ids]


def in_full(listed: Sequence[Purchase], truth: Sequence[Purchase]) -> list[Purchase]:
    """The purchases of a recent history, with the ids that these have where they are listed alike."""
    known = {as_listed(purchase): purchase for purchase in truth}
    return sorted(
        (known.get(purchase, purchase) for purchase in listed),
        key=lambda purchase: (purchase.purchased_at, purchase.purchase_id),
    )


@pytest.fixture(scope="session")
def reader() -> Any:
    """Requests as botocore would send them, without the faults that tests inject."""
    return get_session().create_client(
        "dynamodb",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # of no account
    )


@pytest.fixture
def moto_client(connected: Callable[..., DynamoClient], reader: Any) -> Iterator[DynamoClient]:
    """A client on moto, which answers in this process and is not thread-safe."""
    with mock_aws():
        client = OwnTables(connected(None, connections=1))
        client.transport.exchange = through_botocore(reader)
        yield client


STORES = [
    "memory",
    pytest.param("engine", marks=pytest.mark.engine),
    pytest.param("eventual", marks=[pytest.mark.engine, pytest.mark.full]),
    pytest.param("moto", marks=pytest.mark.full),
    *ENDPOINTS,
]


@pytest.fixture(params=STORES)
def store(
    request: pytest.FixtureRequest, connected: Callable[..., DynamoClient]
) -> Iterator[Store]:
    if request.param == "memory":
        yield memory_store()
    elif request.param == "engine":
        yield dynamo_store(request.getfixturevalue("client"))
    elif request.param == "eventual":  # on an engine with one copy: every promise but one holds
        yield dynamo_store(request.getfixturevalue("client"), reading=Consistency.EVENTUAL)
    elif request.param == "moto":
        yield dynamo_store(request.getfixturevalue("moto_client"))
    else:
        yield dynamo_store(OwnTables(connected(request.param)))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """One embedded engine for each test process that stands in for S3, with a bucket."""
    engine = EmbeddedEngine(tmp_path_factory.mktemp("s3"), free_port(), services="s3")
    engine.start()
    create_bucket(engine)
    yield engine
    engine.stop()


OBSTORES = [
    "obstore-folder",
    "obstore-memory",
    pytest.param("obstore-s3", marks=pytest.mark.engine),
]


@pytest.fixture
def obstore(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """The location of an empty store of each kind."""
    with ExitStack() as stack:

        def location_of(kind: str) -> str:
            if kind == "obstore-s3":
                engine: EmbeddedEngine = request.getfixturevalue("s3")
                return stack.enter_context(location(engine))
            return str(tmp_path) if kind == "obstore-folder" else "memory:"

        yield location_of

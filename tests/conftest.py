"""Shared fixtures: the embedded engine, and a DynamoDB client with tables of its own."""

import logging
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from adapters.dynamodb import DynamoClient, DynamoOptions
from adapters.dynamodb.schema.models import CategoryRow, KeyRow, PurchaseRow, RecentRow
from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from api.process.events import EVENTS
from api.process.logs import formatter
from tests.profiles import QUICK

settings.load_profile(QUICK)  # until pytest loads the one that --hypothesis-profile names

LOCAL_CREDENTIALS = ("test", "test")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Marks what runs on the embedded engine, so that make check can do without; the longest begin.

    Coverage is that of the rest: it doubles the time of a test, and the core is tested without an engine.
    pytest-xdist gives each process a run of neighbours, and moves the last of one that is late.
    """
    for item in items:
        if {"engine", "s3"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("engine")
        if item.get_closest_marker("engine"):
            item.add_marker("no_cover")
    yield
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = longest_first(items, processes)


def longest_first(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Of each process the same number; what is marked `early` in front, shared out by its seconds.

    Tests of one file stay together, since they may share what is dear to make.
    """
    seconds = {item: _seconds(item) for item in items}
    files: dict[Path, list[pytest.Item]] = {}
    for item in filter(seconds.get, items):
        files.setdefault(item.path, []).append(item)
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    for together in sorted(files.values(), key=lambda file: -sum(map(seconds.__getitem__, file))):
        min(shares, key=lambda share: sum(map(seconds.__getitem__, share))).extend(together)
    others = [item for item in items if not seconds[item]]
    found: list[pytest.Item] = []
    for number, share in enumerate(shares, start=1):
        end = max(0, len(items) * number // processes - len(found) - len(share))
        found += [*share, *others[:end]]
        del others[:end]
    return found + others


def _seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("early")
    return mark.args[0] if mark else 0.0


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that configures logging, which is global, does so for its own test alone."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [each for each in root.handlers if type(each) is logging.StreamHandler]:
        root.removeHandler(handler)


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, as a process writes it: `text` has every field."""
    caplog.handler.setFormatter(formatter(on_terminal=False))
    yield caplog
    plain = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime"}
    for record in caplog.get_records("call"):
        if (event := EVENTS.get(record.getMessage())) is not None:
            assert vars(record).keys() - plain <= event.fields.keys(), "a field that is not listed"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """One embedded engine for each test process, on a free port."""
    engine = EmbeddedEngine(tmp_path_factory.mktemp("engine"), free_port())
    engine.start()
    yield engine
    engine.stop()


def a_prefix() -> str:
    """A prefix for tables that nobody else uses."""
    return f"test-{uuid.uuid4().hex[:12]}-"


def dynamo_client(endpoint: str | None, *, connections: int = 8, **options: Any) -> DynamoClient:
    """A client whose tables nobody else uses, on an engine that takes any credentials."""
    return DynamoClient(
        DynamoOptions(
            endpoint=endpoint,
            region="eu-west-1",
            table_prefix=a_prefix(),
            credentials=LOCAL_CREDENTIALS,
            connections=connections,
            **options,
        )
    )


def create_tables(client: DynamoClient) -> None:
    """Creates the tables without their TTL, and without the product's checks: for each test anew.

    The tests' clock stands in the past, so the engine would drop recent purchases once a minute.
    """
    for model in (client.purchases, client.recent, client.categories, client.keys):
        model.create_table(wait=True)
    client.connection.client.update_time_to_live(
        TableName=client.recent.Meta.table_name,
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"},
    )


def patient_client(endpoint: str | None, *, connections: int = 8) -> DynamoClient:
    """A client that waits for a busy machine."""
    return dynamo_client(
        endpoint,
        connections=connections,
        read_timeout_s=20,
        read_deadline_s=30,
        write_deadline_s=30,
    )


class OwnTables(DynamoClient):
    """A client over another's connection, with empty tables of its own.

    A connection costs more than most tests: botocore reads its models and certificates for each.
    """

    def __init__(self, shared: DynamoClient) -> None:
        self.options = replace(shared.options, table_prefix=a_prefix())
        self.monotonic = time.monotonic
        self.connection = shared.connection
        self.observer = None
        self.transport = self._transport(self.connection.client.meta.endpoint_url)
        self.around = nullcontext
        self.purchases = self._bound(PurchaseRow)
        self.recent = self._bound(RecentRow)
        self.categories = self._bound(CategoryRow)
        self.keys = self._bound(KeyRow)
        create_tables(self)


@pytest.fixture(scope="session")
def connected() -> Callable[..., DynamoClient]:
    """Of one endpoint: the client whose connection all tests of this process share."""
    return cache(patient_client)


@pytest.fixture
def client(engine: EmbeddedEngine, connected: Callable[..., DynamoClient]) -> DynamoClient:
    """A client on the embedded engine with empty tables and patience for a busy machine."""
    return OwnTables(connected(f"http://127.0.0.1:{engine.port}"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without any settings in its environment."""
    for name in [name for name in os.environ if name.startswith("PROPENSITY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path

"""Shared fixtures: the embedded engine, and a DynamoDB client with tables of its own."""

import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.dynamodb import DynamoClient, DynamoOptions, DynamoTables
from adapters.embedded import EmbeddedEngine, free_port

LOCAL_CREDENTIALS = ("test", "test")


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


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """One embedded engine for each test process, on a free port."""
    engine = EmbeddedEngine(tmp_path_factory.mktemp("engine"), free_port())
    engine.start()
    yield engine
    engine.stop()


def dynamo_client(endpoint: str | None, *, connections: int = 8, **options: float) -> DynamoClient:
    """A client whose tables nobody else uses, on an engine that takes any credentials."""
    return DynamoClient(
        DynamoOptions(
            endpoint=endpoint,
            region="eu-west-1",
            table_prefix=f"test-{uuid.uuid4().hex[:12]}-",
            credentials=LOCAL_CREDENTIALS,
            connections=connections,
            **options,
        )
    )


def create_tables(client: DynamoClient) -> None:
    """Creates the tables without their TTL.

    The tests' clock stands in the past, so the engine would drop recent purchases once a minute.
    """
    DynamoTables(client).create()
    client.connection.client.update_time_to_live(
        TableName=client.recent.Meta.table_name,
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"},
    )


@pytest.fixture
def client(engine: EmbeddedEngine) -> Iterator[DynamoClient]:
    """A client on the embedded engine with empty tables and patience for a busy machine."""
    client = dynamo_client(
        f"http://127.0.0.1:{engine.port}",
        read_timeout_s=20,
        read_deadline_s=30,
        write_deadline_s=30,
    )
    create_tables(client)
    yield client
    client.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without any settings in its environment."""
    for name in [name for name in os.environ if name.startswith("PROPENSITY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path

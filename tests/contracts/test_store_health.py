"""What every StoreHealth promises."""

import pytest

from adapters.dynamodb import DynamoTables
from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from domain.errors import StoreUnavailable
from tests.conftest import dynamo_client, patient_client
from tests.contracts.conftest import Store
from tests.integration.faults import injected

pytestmark = pytest.mark.anyio


async def test_tables_that_answer_are_healthy(store: Store) -> None:
    await store.health.check()


async def test_a_table_that_does_not_exist_is_named(engine: EmbeddedEngine) -> None:
    client = dynamo_client(f"http://127.0.0.1:{engine.port}")
    name = client.purchases.Meta.table_name
    with pytest.raises(StoreUnavailable, match=f"table {name}: .*propensity tables create"):
        await DynamoTables(client).check()
    client.close()


async def test_an_engine_that_is_not_there_is_unavailable() -> None:
    client = patient_client(f"http://127.0.0.1:{free_port()}")
    with (
        injected(client, "GetItem") as sent,
        pytest.raises(StoreUnavailable, match=r"purchases: .*propensity db start"),
    ):
        await DynamoTables(client).check()
    assert sent == ["GetItem"]
    client.close()

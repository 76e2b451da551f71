"""The live tables against the models: every difference is named, and creation mends its own."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.dynamodb import DynamoClient, DynamoTables
from adapters.embedded import EmbeddedEngine
from domain.errors import StoreUnavailable, TablesDiffer
from tests.builders import NOW, a_purchase
from tests.conftest import dynamo_client
from tests.contracts.conftest import dynamo_store
from tests.integration.faults import Stopwatch, error, injected, taking

Declaration = dict[str, Any]
WHETHER_THEY_EXIST = 8
"""Questions before the first table is waited for: ours, and PynamoDB's own, for four tables."""


@pytest.fixture
def bare(engine: EmbeddedEngine) -> Iterator[DynamoClient]:
    """A client whose tables do not exist yet."""
    client = dynamo_client(f"http://127.0.0.1:{engine.port}", read_timeout_s=20)
    yield client
    client.close()


def tables(client: DynamoClient, *, naps: list[float] | None = None) -> DynamoTables:
    return DynamoTables(client, sleep=([] if naps is None else naps).append)


def replace_table(
    client: DynamoClient, model: type[Any], change: Callable[[Declaration], None]
) -> str:
    """The table is as declared but for the change, and TTL is off."""
    name = str(model.Meta.table_name)
    vendor = client.connection.client
    live = vendor.describe_table(TableName=name)["Table"]
    indexes: dict[str, list[Declaration]] = {
        kind: [
            {part: index[part] for part in ("IndexName", "KeySchema", "Projection")}
            for index in live[kind]
        ]
        for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")
        if live.get(kind)
    }
    declaration: Declaration = {
        "TableName": name,
        "AttributeDefinitions": live["AttributeDefinitions"],
        "KeySchema": live["KeySchema"],
        "BillingMode": "PAY_PER_REQUEST",
        **indexes,
    }
    change(declaration)
    vendor.delete_table(TableName=name)
    vendor.create_table(**declaration)
    return name


def other_key(table: Declaration) -> None:
    table["KeySchema"][1]["AttributeName"] = "order_id"
    table["AttributeDefinitions"].append({"AttributeName": "order_id", "AttributeType": "S"})
    del table["LocalSecondaryIndexes"]
    del table["GlobalSecondaryIndexes"]
    keep = {"customer_id", "order_id"}
    table["AttributeDefinitions"] = [
        each for each in table["AttributeDefinitions"] if each["AttributeName"] in keep
    ]


def other_type(table: Declaration) -> None:
    for each in table["AttributeDefinitions"]:
        if each["AttributeName"] == "purchase_id":
            each["AttributeType"] = "N"


def without(kind: str, attribute: str) -> Callable[[Declaration], None]:
    def change(table: Declaration) -> None:
        del table[kind]
        table["AttributeDefinitions"] = [
            each for each in table["AttributeDefinitions"] if each["AttributeName"] != attribute
        ]

    return change


def other_projection(kind: str) -> Callable[[Declaration], None]:
    def change(table: Declaration) -> None:
        table[kind][0]["Projection"] = {"ProjectionType": "ALL"}

    return change


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (other_key, "customer_id (S, HASH), order_id (S, RANGE)"),
        (other_type, "customer_id (S, HASH), purchase_id (N, RANGE)"),
        (without("LocalSecondaryIndexes", "purchased_at"), "LSI by_time "),
        (without("GlobalSecondaryIndexes", "category_shard"), "GSI by_category "),
        (other_projection("LocalSecondaryIndexes"), "LSI by_time "),
        (other_projection("GlobalSecondaryIndexes"), "GSI by_category "),
    ],
    ids=["key", "type", "no LSI", "no GSI", "LSI projection", "GSI projection"],
)
def test_a_table_that_differs_is_named_with_the_part_that_does(
    client: DynamoClient, change: Callable[[Declaration], None], difference: str
) -> None:
    name = replace_table(client, client.purchases, change)
    for ask in (tables(client).verify, tables(client).create):
        with pytest.raises(TablesDiffer) as caught:
            ask()
        assert any(
            each.startswith(f"table {name}: ") and difference in each
            for each in caught.value.differences
        )


def test_the_tables_declared_do_not_differ(bare: DynamoClient) -> None:
    tables(bare).create()
    tables(bare).verify()


def test_every_missing_table_is_named(bare: DynamoClient) -> None:
    with pytest.raises(TablesDiffer) as caught:
        tables(bare).verify()
    models = (bare.purchases, bare.recent, bare.categories, bare.keys)
    for model, difference in zip(models, caught.value.differences, strict=True):
        assert re.match(f"table {model.Meta.table_name} .*propensity tables create", difference)


def test_a_ttl_that_is_off_is_named_and_creation_turns_it_on(client: DynamoClient) -> None:
    name = replace_table(client, client.recent, lambda _: None)
    with pytest.raises(TablesDiffer) as caught:
        tables(client).verify()
    (difference,) = caught.value.differences
    assert re.match(f"table {name}: TTL .*expires_at .*propensity tables create", difference)
    assert tables(client).create() == []
    tables(client).verify()


def test_a_table_that_is_not_ours_gets_no_ttl(client: DynamoClient) -> None:
    def other_name(table: Declaration) -> None:
        table["KeySchema"][0]["AttributeName"] = "user"
        table["AttributeDefinitions"][0]["AttributeName"] = "user"

    name = replace_table(client, client.recent, other_name)
    with pytest.raises(TablesDiffer, match=rf"{name}: .*\buser\b"):
        tables(client).create()
    found = client.connection.client.describe_time_to_live(TableName=name)
    assert found["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"


def test_creating_twice_creates_once(bare: DynamoClient) -> None:
    names = [
        model.Meta.table_name for model in (bare.purchases, bare.recent, bare.categories, bare.keys)
    ]
    assert tables(bare).create() == names
    with injected(bare, "CreateTable") as sent:
        assert tables(bare).create() == []
    assert not {"CreateTable", "UpdateTimeToLive"} & set(sent)


def test_a_new_table_may_be_unknown_for_a_moment(bare: DynamoClient) -> None:
    naps: list[float] = []
    unknown = error("ResourceNotFoundException")
    with injected(bare, "DescribeTable", *[unknown] * (WHETHER_THEY_EXIST + 2)):
        tables(bare, naps=naps).create()
    assert len(naps) == 2


def test_tables_that_are_active_at_once_are_not_waited_for(bare: DynamoClient) -> None:
    naps: list[float] = []
    tables(bare, naps=naps).create()
    assert naps == []


def test_a_table_that_never_becomes_active_is_named(bare: DynamoClient) -> None:
    bare.monotonic = stopwatch = Stopwatch()
    unknown = error("ResourceNotFoundException")
    faults = [*[unknown] * WHETHER_THEY_EXIST, taking(stopwatch, 61.0, unknown)]
    name = bare.purchases.Meta.table_name
    with injected(bare, "DescribeTable", *faults), pytest.raises(StoreUnavailable, match=name):
        tables(bare).create()


def test_recent_purchases_that_are_empty_beside_purchases_are_named(client: DynamoClient) -> None:
    """As where the table was lost, and created again: everybody would pass for a new customer."""
    asyncio.run(dynamo_store(client).recorder.record([a_purchase()]))
    replace_table(client, client.recent, lambda _: None)
    client.connection.client.update_time_to_live(
        TableName=client.recent.Meta.table_name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    with pytest.raises(TablesDiffer, match="propensity rebuild"):
        tables(client).verify()
    asyncio.run(dynamo_store(client).rebuilder.finish(began_at=NOW))
    tables(client).verify()

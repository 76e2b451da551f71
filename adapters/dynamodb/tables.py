"""The live tables: creation, the comparison with the models, and whether they answer."""

from collections.abc import Iterator, Mapping
from typing import Any

from pynamodb.exceptions import TableDoesNotExist

from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.errors import translated
from domain.errors import TablesDiffer

_HEALTH_KEY = "propensity-health-check"


class DynamoTables:
    """The deployment's tables; also its StoreHealth."""

    def __init__(self, client: DynamoClient) -> None:
        self._client = client
        self._models = (client.purchases, client.recent, client.categories)

    def create(self) -> list[str]:
        """The names of the tables created now; what existed before is left alone, and checked.

        Raises:
            TablesDiffer: an existing table is not the one declared.
            StoreUnavailable: DynamoDB did not answer.
        """
        with translated():
            missing = [model for model in self._models if not model.exists()]
            for model in missing:
                model.create_table(wait=True)
        self.verify()
        return [model.Meta.table_name for model in missing]

    def verify(self) -> None:
        """Returns once keys, indexes, projections and TTL of the live tables equal the models'.

        Raises:
            TablesDiffer: names every difference.
            StoreUnavailable: DynamoDB did not answer.
        """
        with translated():
            differences = [line for model in self._models for line in self._differences(model)]
        if differences:
            raise TablesDiffer(differences)

    async def check(self) -> None:
        """Returns once every table has answered a read; see StoreHealth."""
        for model in self._models:
            key = (_HEALTH_KEY,) if model is not self._client.purchases else (_HEALTH_KEY,) * 2
            await self._client.read(self._client.connection.get_item, model.Meta.table_name, *key)

    def _differences(self, model: type[Any]) -> Iterator[str]:
        name = model.Meta.table_name
        try:
            live = self._client.connection.describe_table(name)
        except TableDoesNotExist:
            yield f"table {name} does not exist (create it: propensity tables create)"
            return
        found = _shape(live)
        for part, declared in _shape(_declaration(model)).items():
            if found.get(part) != declared:
                yield f"table {name}: {part} is {found.get(part, 'missing')}, must be {declared}"
        yield from self._ttl_differences(model)

    def _ttl_differences(self, model: type[Any]) -> Iterator[str]:
        ttl_attribute = model._ttl_attribute()  # noqa: SLF001  # PynamoDB keeps it to itself
        if ttl_attribute is None:
            return
        name = model.Meta.table_name
        client: Any = self._client.connection.client
        found = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        enabled = found["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}
        if not enabled or found.get("AttributeName") != ttl_attribute.attr_name:
            yield f"table {name}: TTL must be enabled on {ttl_attribute.attr_name}"


def _declaration(model: type[Any]) -> Mapping[str, Any]:
    """The model's schema in the words of DescribeTable."""
    schema = model._get_schema()  # noqa: SLF001  # PynamoDB offers no public way to it
    indexes = {
        kind: [
            {
                "IndexName": index["index_name"],
                "KeySchema": index["key_schema"],
                "Projection": index["projection"],
            }
            for index in schema[key]
        ]
        for kind, key in (
            ("LocalSecondaryIndexes", "local_secondary_indexes"),
            ("GlobalSecondaryIndexes", "global_secondary_indexes"),
        )
    }
    return {
        "AttributeDefinitions": schema["attribute_definitions"],
        "KeySchema": schema["key_schema"],
        **indexes,
    }


def _shape(table: Mapping[str, Any]) -> dict[str, str]:
    """What must agree, a line for each part of the table."""
    types = {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}
    shape = {"its key": _keys(table["KeySchema"], types)}
    for kind, word in (("LocalSecondaryIndexes", "LSI"), ("GlobalSecondaryIndexes", "GSI")):
        for index in table.get(kind, []):
            projection = index["Projection"]
            attributes = " ".join(sorted(projection.get("NonKeyAttributes", [])))
            shape[f"{word} {index['IndexName']}"] = (
                f"{_keys(index['KeySchema'], types)}, {projection['ProjectionType']} {attributes}"
            ).rstrip()
    return shape


def _keys(schema: list[Mapping[str, str]], types: Mapping[str, str]) -> str:
    ordered = sorted(schema, key=lambda key: key["KeyType"])  # HASH before RANGE
    return ", ".join(
        f"{key['AttributeName']} ({types[key['AttributeName']]}, {key['KeyType']})"
        for key in ordered
    )

"""The live tables: creation, the comparison with the models, and whether they answer."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pynamodb.exceptions import TableDoesNotExist

from adapters.dynamodb.recent import MARKS, layout_differences
from adapters.dynamodb.wire import Deadline, DynamoClient, translated
from domain.errors import StoreUnavailable, TablesDiffer
from domain.retention import FOR_EVER, PurchaseRetention

_HEALTH_KEY = "propensity-health-check"
CREATION_S = 60.0
"""How long a new table may take to become active; AWS speaks of seconds."""


class DynamoTables:
    """The deployment's tables; also its StoreHealth."""

    def __init__(
        self,
        client: DynamoClient,
        *,
        retention: PurchaseRetention = FOR_EVER,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._retention = retention
        self._sleep = sleep
        self._models = (client.purchases, client.recent, client.categories, client.keys)

    def create(self) -> list[str]:
        """The names of the tables created now; what existed before is checked.

        An existing table changes in one way: a TTL that is off is turned on. An interrupted
        creation leaves it off, and so does a retention that is set later.

        Raises:
            TablesDiffer: an existing table is not the one declared.
            StoreUnavailable: DynamoDB did not answer, or a table did not become active in time.
        """
        with translated():
            missing = [model for model in self._models if not model.exists()]
            for model in missing:
                # Its own waiting does not know that a new table may be unknown for a moment,
                # and TTL is refused until the table is active.
                model.create_table(wait=False, ignore_update_ttl_errors=True)
            for model in self._models:
                self._wait_until_active(model.Meta.table_name)
                self._enable_ttl(model)
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

    def identity(self) -> str:
        """What tells the table of purchases from one that is created again under its name.

        Raises:
            StoreUnavailable: DynamoDB did not answer.
        """
        with translated():
            name = self._client.purchases.Meta.table_name
            table = self._client.connection.describe_table(name)
        return f"{name} {table.get('TableId') or table['CreationDateTime']}"

    async def check(self) -> None:
        """Returns once every table has answered a read; see StoreHealth."""
        deadline = self._client.read_deadline()
        for model in self._models:
            name = model.Meta.table_name
            marked = model is self._client.recent
            asked = {"S": MARKS if marked else _HEALTH_KEY}
            keys = [key["AttributeName"] for key in declaration(model)["KeySchema"]]
            request = {"TableName": name, "Key": dict.fromkeys(keys, asked)}
            try:
                with translated():
                    answer = await self._client.call_once(deadline, "GetItem", request)
            except StoreUnavailable as exc:
                raise StoreUnavailable(f"table {name}: {exc}") from exc
            if marked and (differences := layout_differences(answer.get("Item", {}), name)):
                raise TablesDiffer(differences)

    def _wait_until_active(self, name: str) -> None:
        pauses = Deadline(CREATION_S, clock=self._client.monotonic).pauses()
        while self._status(name) != "ACTIVE":
            pause = next(pauses, None)
            if pause is None:
                raise StoreUnavailable(f"table {name} did not become active in {CREATION_S:.0f} s")
            self._sleep(pause)

    def _status(self, name: str) -> str | None:
        try:
            return str(self._client.connection.describe_table(name)["TableStatus"])
        except TableDoesNotExist:
            return None

    def _enable_ttl(self, model: type[Any]) -> None:
        """TTL is on, if it was off and the table is the one declared: TTL deletes items."""
        name = model.Meta.table_name
        attribute = self._ttl(model)
        if attribute is None or any(self._shape_differences(model)):
            return
        if self._live_ttl(name)["TimeToLiveStatus"] == "DISABLED":
            self._client.connection.update_time_to_live(name, attribute)

    def _ttl(self, model: type[Any]) -> str | None:
        """The attribute after which TTL drops the table's items; None: it must drop none."""
        if model is self._client.purchases:
            return None if self._retention.days is None else str(model.expires_at.attr_name)
        declared = model._ttl_attribute()  # noqa: SLF001  # PynamoDB keeps it to itself
        return None if declared is None else str(declared.attr_name)

    def _live_ttl(self, name: str) -> Mapping[str, str]:
        client: Any = self._client.connection.client
        found: dict[str, str] = client.describe_time_to_live(TableName=name)[
            "TimeToLiveDescription"
        ]
        return found

    def _differences(self, model: type[Any]) -> Iterator[str]:
        name = model.Meta.table_name
        if self._status(name) is None:
            yield f"table {name} does not exist (create it: propensity tables create)"
            return
        differences = list(self._shape_differences(model))
        yield from differences
        yield from self._ttl_differences(model)
        if model is self._client.recent and not differences:
            marks = self._client.connection.get_item(name, MARKS, consistent_read=True)
            yield from layout_differences(marks.get("Item", {}), name)
            if "Item" not in marks and self._some_purchases():
                yield f"table {name}: nothing was written to it, but purchases are there (propensity rebuild)"

    def _some_purchases(self) -> bool:
        """Whether there are purchases, as DynamoDB counted them within the last hours."""
        table = self._client.connection.describe_table(self._client.purchases.Meta.table_name)
        return bool(table["ItemCount"])

    def _shape_differences(self, model: type[Any]) -> Iterator[str]:
        name = model.Meta.table_name
        found = shape(self._client.connection.describe_table(name))
        for part, declared in shape(declaration(model)).items():
            if found.get(part) != declared:
                way_out = _WAY_OUT if part.startswith("LSI") else ""
                yield (
                    f"table {name}: {part} is {found.get(part, 'missing')}, must be {declared}"
                    f"{way_out}"
                )

    def _ttl_differences(self, model: type[Any]) -> Iterator[str]:
        name, attribute = model.Meta.table_name, self._ttl(model)
        found = self._live_ttl(name)
        enabled = found["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}
        if enabled and attribute is None:
            yield (
                f"table {name}: TTL drops items after {found.get('AttributeName')}, but nothing may "
                "be dropped: set PROPENSITY_PURCHASE_RETENTION_DAYS (again), or turn this TTL off"
            )
        elif attribute is not None and not (enabled and found.get("AttributeName") == attribute):
            yield f"table {name}: TTL must be enabled on {attribute} (propensity tables create)"


_WAY_OUT = (
    "; an LSI cannot be changed: set another PROPENSITY_TABLE_PREFIX, then propensity tables create "
    "and import again"
)


def declaration(model: type[Any]) -> Mapping[str, Any]:
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


def shape(table: Mapping[str, Any]) -> dict[str, str]:
    """What must agree, a line for each part of the table."""
    types = {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}
    parts = {"its key": _keys(table["KeySchema"], types)}
    for kind, word in (("LocalSecondaryIndexes", "LSI"), ("GlobalSecondaryIndexes", "GSI")):
        for index in table.get(kind, []):
            projection = index["Projection"]
            attributes = " ".join(sorted(projection.get("NonKeyAttributes", [])))
            parts[f"{word} {index['IndexName']}"] = (
                f"{_keys(index['KeySchema'], types)}, {projection['ProjectionType']} {attributes}"
            ).rstrip()
    return parts


def _keys(schema: list[Mapping[str, str]], types: Mapping[str, str]) -> str:
    ordered = sorted(schema, key=lambda key: key["KeyType"])  # HASH before RANGE
    return ", ".join(
        f"{key['AttributeName']} ({types[key['AttributeName']]}, {key['KeyType']})"
        for key in ordered
    )

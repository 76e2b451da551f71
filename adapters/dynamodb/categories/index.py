"""Who ever bought in a category: the list of categories, and the sharded index `by_category`."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.dynamodb.categories.sketch import Sketch
from adapters.dynamodb.schema import ByCategory, CategoryRow, shard_name, stored_hashes
from adapters.dynamodb.wire import DynamoClient
from domain.categories import IndexPage
from domain.errors import CorruptRecord

_CATEGORY = str(CategoryRow.category.attr_name)
_CUSTOMER = str(ByCategory.customer_id.attr_name)


class DynamoCategoryIndex:
    """CategoryIndex on the table `categories` and Queries of the GSI `by_category`."""

    def __init__(self, client: DynamoClient, *, shards: int) -> None:
        self._client = client
        self._shards = shards

    @property
    def shards(self) -> int:
        """How many shards every category has."""
        return self._shards

    async def categories(self) -> Mapping[str, int]:
        """Every category ever bought in, and its approximate customers; see the port."""
        request = {"TableName": self._client.categories.Meta.table_name}
        found = {
            _text(item, _CATEGORY): Sketch.of(stored_hashes(item)).customers
            async for page in self._client.pages(self._client.read_deadline(), "Scan", request)
            for item in page["Items"]
        }
        return dict(sorted(found.items()))

    async def customers(self, category: str, /) -> int | None:
        """The approximate number of customers of one category; see the port."""
        request = {
            "TableName": self._client.categories.Meta.table_name,
            "Key": {_CATEGORY: {"S": category}},
            "ConsistentRead": True,
        }
        answer = await self._client.read(self._client.read_deadline(), "GetItem", request)
        item = answer.get("Item")
        return None if item is None else Sketch.of(stored_hashes(item)).customers

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard, each once; see the port."""
        request = self._page_request(shard_name(category, shard), after)
        if most is not None:
            request["Limit"] = 2 * most  # a customer has an entry per purchase
        entries: Sequence[Mapping[str, Any]] = ()
        more = False
        async for page in self._client.pages(self._client.read_deadline(), "Query", request):
            entries, more = page["Items"], "LastEvaluatedKey" in page
            if entries:
                break
        return IndexPage(customers=_customers(entries), more=more)

    def _page_request(self, partition: str, after: str | None) -> dict[str, Any]:
        values = {":shard": {"S": partition}}
        condition = f"{ByCategory.category_shard.attr_name} = :shard"
        if after is not None:
            condition += f" AND {_CUSTOMER} > :after"
            values[":after"] = {"S": after}
        return {
            "TableName": self._client.purchases.Meta.table_name,
            "IndexName": ByCategory.Meta.index_name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ProjectionExpression": _CUSTOMER,
        }


def _customers(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The customers of some entries in their order, each once."""
    try:
        return list(dict.fromkeys([entry[_CUSTOMER]["S"] for entry in entries]))
    except KeyError as exc:
        raise CorruptRecord(f"a stored key lacks {exc}") from exc


def _text(item: Mapping[str, Any], attribute: str) -> str:
    try:
        return str(item[attribute]["S"])
    except KeyError as exc:
        raise CorruptRecord(f"a stored key lacks {exc}") from exc

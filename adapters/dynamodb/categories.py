"""Who ever bought in a category: the list of categories, and the sharded index `by_category`."""

from collections.abc import Mapping
from typing import Any

from adapters.dynamodb.attributes import shard_name, stored_hashes
from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.models import ByCategory
from adapters.dynamodb.sketch import Sketch
from domain.errors import CorruptRecord
from domain.ports import IndexPage


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
        found: dict[str, int] = {}
        start_key = None
        deadline = self._client.read_deadline()
        while True:
            page = await self._client.retried(deadline, self._list_page, start_key)
            for item in page["Items"]:
                found[_text(item, "category")] = Sketch.of(stored_hashes(item)).customers
            start_key = page.get("LastEvaluatedKey")
            if start_key is None:
                return dict(sorted(found.items()))

    async def customers(self, category: str, /) -> int | None:
        """The approximate number of customers of one category; see the port."""
        answer = await self._client.retried(self._client.read_deadline(), self._entry, category)
        item = answer.get("Item")
        return None if item is None else Sketch.of(stored_hashes(item)).customers

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard, each once; see the port."""
        partition = shard_name(category, shard)
        limit = None if most is None else 2 * most  # a customer has an entry per purchase
        start_key = None
        deadline = self._client.read_deadline()
        while True:
            page = await self._client.retried(
                deadline, self._shard_page, partition, after, limit, start_key
            )
            start_key = page.get("LastEvaluatedKey")
            if page["Items"] or start_key is None:
                break
        customers = dict.fromkeys(_text(item, "customer_id") for item in page["Items"])
        return IndexPage(customers=list(customers), more=start_key is not None)

    def _entry(self, category: str) -> dict[str, Any]:
        entry: dict[str, Any] = self._client.connection.get_item(
            self._client.categories.Meta.table_name, category, consistent_read=True
        )
        return entry

    def _list_page(self, start_key: Any) -> dict[str, Any]:  # PynamoDB types it as str
        page: dict[str, Any] = self._client.connection.scan(
            self._client.categories.Meta.table_name, exclusive_start_key=start_key
        )
        return page

    def _shard_page(
        self,
        partition: str,
        after: str | None,
        limit: int | None,
        start_key: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        page: dict[str, Any] = self._client.connection.query(
            self._client.purchases.Meta.table_name,
            partition,
            range_key_condition=None if after is None else ByCategory.customer_id > after,
            index_name=ByCategory.Meta.index_name,
            attributes_to_get=["customer_id"],
            limit=limit,
            exclusive_start_key=start_key,
        )
        return page


def _text(item: Mapping[str, Any], attribute: str) -> str:
    try:
        return str(item[attribute]["S"])
    except KeyError as exc:
        raise CorruptRecord(f"a stored key lacks {exc}") from exc

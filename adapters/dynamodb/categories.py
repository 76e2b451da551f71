"""Who ever bought in a category: the list of categories, and the sharded index `by_category`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from adapters.dynamodb.attributes import shard_name
from adapters.dynamodb.backoff import Deadline
from adapters.dynamodb.client import DynamoClient
from adapters.dynamodb.models import ByCategory
from domain.errors import CorruptRecord

_REMEMBERED = 10_000
TRUST_S = 60.0
"""How long a listed category is taken to be listed still: a restored table may have lost it."""


class KnownCategories:
    """Sees to it that every category is listed before its first purchase is written.

    The other order could lose a category for ever; this one can only list an empty one.
    """

    def __init__(self, client: DynamoClient) -> None:
        self._client = client
        self._trusted_until: dict[str, float] = {}

    async def add(self, categories: set[str], deadline: Deadline) -> None:
        """Every category is in the list once this returns.

        Raises:
            StoreUnavailable: the list could not be written before the deadline.
        """
        now = self._client.monotonic()
        for category in categories:
            if self._trusted_until.get(category, now) > now:
                continue
            row = self._client.categories(category)
            await self._client.retried(deadline, row.save)
            if len(self._trusted_until) >= _REMEMBERED:
                self._trusted_until.clear()
            self._trusted_until[category] = now + TRUST_S


class DynamoCategoryIndex:
    """CategoryIndex on the table `categories` and Queries of the GSI `by_category`."""

    def __init__(self, client: DynamoClient, *, shards: int) -> None:
        self._client = client
        self._shards = shards

    @property
    def shards(self) -> int:
        """How many shards every category has."""
        return self._shards

    async def categories(self) -> Sequence[str]:
        """Every category ever bought in, ascending; see the port."""
        found: list[str] = []
        start_key = None
        deadline = self._client.read_deadline()
        while True:
            page = await self._client.retried(deadline, self._list_page, start_key)
            found += [_text(item, "category") for item in page["Items"]]
            start_key = page.get("LastEvaluatedKey")
            if start_key is None:
                return sorted(found)

    async def customers(self, category: str, /, *, shard: int) -> AsyncIterator[str]:
        """The customers of one shard, each once; see the port.

        Each page has its own deadline: the time in between is the caller's.
        """
        previous = start_key = None
        partition = shard_name(category, shard)
        while True:
            deadline = self._client.read_deadline()
            page = await self._client.retried(deadline, self._shard_page, partition, start_key)
            for item in page["Items"]:
                customer_id = _text(item, "customer_id")
                if customer_id != previous:
                    yield customer_id
                    previous = customer_id
            start_key = page.get("LastEvaluatedKey")
            if start_key is None:
                return

    def _list_page(self, start_key: Any) -> dict[str, Any]:  # PynamoDB types it as str
        page: dict[str, Any] = self._client.connection.scan(
            self._client.categories.Meta.table_name, exclusive_start_key=start_key
        )
        return page

    def _shard_page(self, partition: str, start_key: Mapping[str, Any] | None) -> dict[str, Any]:
        page: dict[str, Any] = self._client.connection.query(
            self._client.purchases.Meta.table_name,
            partition,
            index_name=ByCategory.Meta.index_name,
            attributes_to_get=["customer_id"],
            exclusive_start_key=start_key,
        )
        return page


def _text(item: Mapping[str, Any], attribute: str) -> str:
    try:
        return str(item[attribute]["S"])
    except KeyError as exc:
        raise CorruptRecord(f"a stored key lacks {exc}") from exc

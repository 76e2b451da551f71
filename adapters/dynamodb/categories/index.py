"""Who ever bought in a category: the list of categories, and the index `by_category`."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.dynamodb.categories.listed import category_item
from adapters.dynamodb.categories.sketch import Sketch
from adapters.dynamodb.schema import (
    ByCategory,
    CategoryRow,
    partition_name,
    stored_hashes,
    stored_partitions_per_shard,
)
from adapters.dynamodb.wire import Deadline, DynamoClient, item_bytes
from domain.categories import CategorySize, IndexPage
from domain.cost import BYTES_PER_UNIT
from domain.errors import CorruptRecord

FEWEST_ENTRIES = 30
"""About 4 KB of the index, which is half a read unit: fewer cost as much."""
MOST_ENTRIES = 40_000
"""About 5 MB of the index: more are not held in memory for one page of all partitions."""
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

    async def categories(self) -> Mapping[str, CategorySize]:
        """Every category ever bought in, and its size; see the port."""
        request = {"TableName": self._client.categories.Meta.table_name}
        found = {
            _text(item, _CATEGORY): self._size(item)
            async for page in self._client.pages(self._client.read_deadline(), "Scan", request)
            for item in page["Items"]
        }
        return dict(sorted(found.items()))

    async def size_of(self, category: str, /) -> CategorySize | None:
        """The size of one category; see the port."""
        item = await category_item(self._client, category, self._client.read_deadline())
        return self._size(item) if item else None

    def _size(self, item: Mapping[str, Any]) -> CategorySize:
        return CategorySize(
            customers=Sketch.of(stored_hashes(item)).customers,
            partitions=self._shards * stored_partitions_per_shard(item),
            page_units=float(-(-item_bytes(item) // BYTES_PER_UNIT)),
        )

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard, each once; see the port.

        A writer reads in the category's item that a partition is one, and writes to it then. So
        whoever reads the item later knows of every partition that was written to.
        """
        deadline = self._client.read_deadline()
        most_entries = None if most is None else 2 * most  # a customer has an entry per purchase
        per_shard, first = await asyncio.gather(
            self._per_shard(category, deadline),
            self._entries(_request(partition_name(category, shard), after), most_entries, deadline),
        )
        if per_shard == 1:
            return first
        # What was written before a raise is in the first partition alone. So that one is read
        # farthest, and the others only up to where it ended.
        until = first.customers[-1] if first.more else None
        share = max(FEWEST_ENTRIES, -(-(most_entries or MOST_ENTRIES) // per_shard))
        numbers = range(shard + self._shards, self._shards * per_shard, self._shards)
        others = await asyncio.gather(
            *(
                self._entries(
                    _request(partition_name(category, number), after, until), share, deadline
                )
                for number in numbers
            )
        )
        return merged([first, *others], most=most_entries)

    async def _per_shard(self, category: str, deadline: Deadline) -> int:
        """How many partitions of the index each shard of the category has now."""
        return stored_partitions_per_shard(await category_item(self._client, category, deadline))

    async def _entries(
        self, request: dict[str, Any], most: int | None, deadline: Deadline
    ) -> IndexPage:
        """The customers of the next entries of one partition."""
        request["TableName"] = self._client.purchases.Meta.table_name
        if most is not None:
            request["Limit"] = most
        entries: Sequence[Mapping[str, Any]] = ()
        more = False
        async for page in self._client.pages(deadline, "Query", request):
            entries, more = page["Items"], "LastEvaluatedKey" in page
            if entries:
                break
        return IndexPage(customers=_customers(entries), more=more)


def merged(pages: Sequence[IndexPage], *, most: int | None) -> IndexPage:
    """The customers of several pages, each once: at most so many, and as far as all pages reach.

    Python compares texts by code points, which is the order of their UTF-8 bytes.
    """
    reach = min((page.customers[-1] for page in pages if page.more), default=None)
    found = {c for page in pages for c in page.customers if reach is None or c <= reach}
    customers = sorted(found)[:most]
    return IndexPage(customers=customers, more=reach is not None or len(customers) < len(found))


def _request(partition: str, after: str | None, until: str | None = None) -> dict[str, Any]:
    """A Query of the customers of one partition after the one and up to the other."""
    condition = f"{ByCategory.category_shard.attr_name} = :partition"
    values = {":partition": partition}
    if after is not None and until is not None:
        condition += f" AND {_CUSTOMER} BETWEEN :next AND :until"
        values |= {":next": after + "\0", ":until": until}  # nothing comes between the two
    elif after is not None:
        condition += f" AND {_CUSTOMER} > :after"
        values[":after"] = after
    elif until is not None:
        condition += f" AND {_CUSTOMER} <= :until"
        values[":until"] = until
    return {
        "IndexName": ByCategory.Meta.index_name,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()},
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

"""The list of categories: each one's item names it and counts its customers by their hashes."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pynamodb.expressions.update import Action

from adapters.dynamodb.categories.sketch import Sketch, hash_of, surplus
from adapters.dynamodb.schema import (
    CategoryRow,
    Expression,
    encode_hash,
    item_of,
    keyed,
    stored_hashes,
    stored_partitions_per_shard,
)
from adapters.dynamodb.wire import Deadline, DynamoClient

_REMEMBERED = 10_000
"""Categories whose hashes are held in memory: at most 2 KB each."""
TRUST_S = 60.0
"""How long a listed category is taken to be listed still: a restored table may have lost it."""


async def category_item(
    client: DynamoClient, category: str, deadline: Deadline
) -> Mapping[str, Any]:
    """The category's item as it is now; empty, if nobody ever bought in it.

    Raises:
        StoreUnavailable: the store did not answer before the deadline.
    """
    request = {
        "TableName": client.categories.Meta.table_name,
        "Key": {str(CategoryRow.category.attr_name): {"S": category}},
        "ConsistentRead": True,
    }
    answer = await client.call(deadline, "GetItem", request)
    item: Mapping[str, Any] = answer.get("Item", {})
    return item


class KnownCategories:
    """Sees to it that a category lists and counts a customer before their purchase is written.

    The other order could lose a category for ever; this one can only list an empty one. What the
    list holds is remembered, and read again after TRUST_S. It is written only where it lacks a
    customer: all processes together do so about KEPT * ln(customers / KEPT) times. Every answer also
    says over how many partitions of the index the category is spread.
    """

    def __init__(self, client: DynamoClient, *, shards: int) -> None:
        self._client = client
        self._shards = shards
        self._known: dict[str, _Category] = {}

    async def add(self, members: Iterable[tuple[str, str]], deadline: Deadline) -> None:
        """Every (category, customer) is listed and counted once this returns.

        Raises:
            StoreUnavailable: the list could not be written before the deadline.
        """
        lacking = [
            (category, number)
            for name, customer in members
            if (category := self._category(name)).lacks(number := hash_of(customer))
        ]
        if lacking:  # seldom, once a category is large
            await asyncio.gather(*(category.add(number, deadline) for category, number in lacking))

    def partitions(self, name: str) -> int:
        """Over how many partitions of the index a category is spread, TRUST_S ago or later.

        Readers know at least as many, so fewer are safe: an unknown category has one per shard.
        """
        known = self._known.get(name)
        return self._shards * (1 if known is None else known.partitions_per_shard)

    def _category(self, name: str) -> "_Category":
        if name not in self._known:
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[name] = _Category(self._client, name)
        return self._known[name]


class _Category:
    """One category's item; hashes that arrive while it is written are written together next.

    One item takes a thousand write units a second, and each write of this one costs several. A
    write that serves several callers counts as the cost of the one who began it.
    """

    def __init__(self, client: DynamoClient, name: str) -> None:
        self._client = client
        self._name = name
        self.partitions_per_shard = 1
        self._sketch = Sketch.of(())
        self._trusted_until = 0.0
        self._waiting: set[int] = set()
        self._writing: asyncio.Task[None] | None = None

    def lacks(self, number: int) -> bool:
        """Whether it must be asked if the hash is stored: it is not known to be, nor KEPT smaller ones."""
        return not self._is_trusted() or self._sketch.lacks(number)

    async def add(self, number: int, deadline: Deadline) -> None:
        """The hash is stored, or KEPT smaller ones are, once this returns."""
        if not self._waiting:
            self._writing = asyncio.create_task(self._list(deadline, after=self._writing))
        self._waiting.add(number)
        # The others who wait for the same write need it even if this one is cancelled.
        await asyncio.shield(self._writing)  # type: ignore[arg-type]  # who waits has a write

    async def _list(self, deadline: Deadline, *, after: "asyncio.Task[None] | None") -> None:
        if after is not None and not after.done():
            await asyncio.wait([after])
        numbers, self._waiting = self._waiting, set()
        if not self._is_trusted():
            self._remember(await category_item(self._client, self._name, deadline))
        if lacking := set(filter(self._sketch.lacks, numbers)):
            await self._add(lacking, deadline)

    async def _add(self, numbers: Collection[int], deadline: Deadline) -> None:
        smallest = self._client.categories.smallest
        stored = await self._update(deadline, smallest.add(set(map(encode_hash, numbers))))
        hashes = stored_hashes(stored)
        if deleted := surplus(hashes):
            await self._update(deadline, smallest.delete(set(map(encode_hash, deleted))))
        self._remember(stored)

    def _is_trusted(self) -> bool:
        return self._client.monotonic() < self._trusted_until

    def _remember(self, stored: Mapping[str, Any]) -> None:
        """What the item holds is known from now on; nothing of one that is not there."""
        self._sketch = Sketch.of(stored_hashes(stored))
        self.partitions_per_shard = stored_partitions_per_shard(stored)
        self._trusted_until = self._client.monotonic() + TRUST_S

    async def _update(self, deadline: Deadline, action: Action) -> Mapping[str, Any]:
        """The stored item after the update, which creates it if need be."""
        model = self._client.categories
        request = keyed(
            model,
            item_of(model, category=self._name),
            **Expression(actions=[action]).filled(),
            ReturnValues="ALL_NEW",
        )
        answer = await self._client.call(deadline, "UpdateItem", request)
        stored: Mapping[str, Any] = answer["Attributes"]
        return stored

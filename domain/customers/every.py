"""Every customer who ever bought, once, in an order in which one can stop and go on."""

import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from domain.categories import CategoryIndex, Position

BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryCustomer:
    """Merges the categories of each shard: a customer is in one shard, the same in every category.

    Memory for one page per category, whatever the number of customers.
    """

    index: CategoryIndex

    async def batches(
        self,
        start: Position = Position(),  # noqa: B008  # frozen
    ) -> AsyncIterator[tuple[Position, Sequence[str]]]:
        """At most a hundred customers at a time after `start`, and where each batch ends.

        Raises:
            StoreUnavailable: the index could not be read; go on from the last batch's end.
        """
        categories = list(await self.index.categories())
        for shard in range(start.shard, self.index.shards):
            after = start.after if shard == start.shard else None
            batch: list[str] = []
            async for customer in self._merged(categories, shard, after):
                batch.append(customer)
                if len(batch) == BATCH:
                    yield Position(shard, batch[-1]), batch
                    batch = []
            if batch:
                yield Position(shard, batch[-1]), batch

    async def _merged(
        self, categories: Sequence[str], shard: int, after: str | None
    ) -> AsyncIterator[str]:
        members = [self._members(category, shard, after) for category in categories]
        heads: list[tuple[bytes, int]] = []
        for number, stream in enumerate(members):
            if (first := await anext(stream, None)) is not None:
                heads.append((first.encode(), number))
        heapq.heapify(heads)
        last = None
        while heads:
            customer, number = heads[0]
            following = await anext(members[number], None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.encode(), number))
            if customer != last:
                yield customer.decode()
            last = customer

    async def _members(self, category: str, shard: int, after: str | None) -> AsyncIterator[str]:
        more = True
        while more:
            page = await self.index.page(category, shard=shard, after=after, most=None)
            for customer in page.customers:
                yield customer
            more, after = page.more, page.customers[-1] if page.customers else after

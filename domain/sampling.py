"""Collect the whole histories of a fair sample of the customers, through keys only."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.history import Histories
from domain.ports import CategoryIndex, Clock, PurchaseHistory
from domain.purchase import Purchase

_BEFORE_EVERYTHING = -1
_CUSTOMERS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectHistories:
    """Enumerates customers by category and shard, then reads each one's history."""

    index: CategoryIndex
    history: PurchaseHistory
    clock: Clock

    async def __call__(
        self, *, most_customers: int, on_progress: Callable[[int, int], None]
    ) -> Histories:
        """The histories of at most `most_customers` customers, as known now.

        A shard is a hash class of customers, so whole shards are a fair sample; only the last
        one is cut. `on_progress` is told how many customers are read, of how many.

        Raises:
            StoreUnavailable: the index or a history could not be read completely.
        """
        customers = await self._sample(most_customers)
        now = self.clock()
        histories: list[Sequence[Purchase]] = []
        for start in range(0, len(customers), _CUSTOMERS_AT_ONCE):
            chunk = customers[start : start + _CUSTOMERS_AT_ONCE]
            histories += await asyncio.gather(
                *(self.history.between(c, after=_BEFORE_EVERYTHING, until=now) for c in chunk)
            )
            on_progress(len(histories), len(customers))
        return Histories.of(histories)

    async def _sample(self, most: int) -> list[str]:
        categories = await self.index.categories()
        sample: list[str] = []
        for shard in range(self.index.shards):
            members = await asyncio.gather(
                *(self._members(category, shard) for category in categories)
            )
            sample += sorted(set().union(*members))
            if len(sample) >= most:
                break
        return sample[:most]

    async def _members(self, category: str, shard: int) -> set[str]:
        return {customer async for customer in self.index.customers(category, shard=shard)}

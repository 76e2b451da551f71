"""Collect the whole histories of a fair sample of the customers, through keys only."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from domain.categories import CategoryIndex
from domain.features import Histories
from domain.purchases import Purchase, PurchaseHistory
from domain.retention import FOR_EVER, PurchaseRetention
from domain.values import Clock

_CUSTOMERS_AT_ONCE = 64
_CATEGORIES_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectHistories:
    """Enumerates customers by category and shard, then reads each one's history."""

    index: CategoryIndex
    history: PurchaseHistory
    clock: Clock
    retention: PurchaseRetention = FOR_EVER

    async def __call__(
        self, *, most_customers: int, on_progress: Callable[[int, int], None]
    ) -> Histories:
        """The histories of at most `most_customers` customers, as known now and still kept.

        A shard is a hash class of customers, so whole shards are a fair sample; the last one is
        cut by lot. `on_progress` is told how many customers are read, of how many.

        Raises:
            StoreUnavailable: the index or a history could not be read completely.
            ValueError: no customer is asked for.
        """
        if most_customers < 1:
            raise ValueError(f"a sample has at least one customer, not {most_customers}")
        customers = await self._sample(most_customers)
        now = self.clock()
        histories: list[Sequence[Purchase]] = []
        for some in _batches(customers, _CUSTOMERS_AT_ONCE):
            histories += await asyncio.gather(
                *(
                    self.history.between(c, after=self.retention.taken_after(now), until=now)
                    for c in some
                )
            )
            on_progress(len(histories), len(customers))
        return Histories.of(histories)

    async def _sample(self, most: int) -> list[str]:
        categories = list(await self.index.categories())
        sample: list[str] = []
        for shard in range(self.index.shards):
            members: set[str] = set()
            for some in _batches(categories, _CATEGORIES_AT_ONCE):
                members.update(*await asyncio.gather(*(self._members(c, shard) for c in some)))
            sample += sorted(members, key=lambda customer: place_of(customer, shard))
            if len(sample) >= most:
                break
        return sample[:most]

    async def _members(self, category: str, shard: int) -> list[str]:
        members: list[str] = []
        more, after = True, None
        while more:
            page = await self.index.page(category, shard=shard, after=after, most=None)
            members += page.customers
            more, after = page.more, members[-1] if members else None
        return members


def _batches(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def place_of(customer_id: str, shard: int) -> int:
    """A customer's place in the draw: shard by shard, then by a lot, whatever the ids are like."""
    lot = hashlib.blake2b(customer_id.encode(), key=b"sample", digest_size=8).digest()
    return shard << 64 | int.from_bytes(lot)

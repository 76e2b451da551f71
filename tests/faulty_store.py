"""A store whose clock, faults and page sizes come from one seed: thousands of bad days a minute."""

import asyncio
import random
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.categories import CategorySize, IndexPage
from domain.cost import Units, count_round_trip, count_units
from domain.errors import StoreUnavailable
from domain.pacing import Pacing
from domain.purchases import Lifetime, Purchase, PurchaseColumns
from domain.recent import RecentBatch, RecentHistory, TableSize
from domain.values import Reach, day_of
from tests.doubles.columns import batch_of


class VirtualTime:
    """Seconds that pass only when somebody pauses or reads."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def seconds(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    def pacing(self, seed: int = 0) -> Pacing:
        return Pacing(seconds=self.seconds, pause=self.pause, jitter=random.Random(seed))


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Shares of calls that go wrong; `refused` stands for throttles and time-outs alike."""

    unprocessed: float = 0.0
    refused: float = 0.0
    overflowing: float = 0.0
    seconds_a_call: float = 0.001


def shard_of(customer: str, shards: int) -> int:
    """The shard that lists the customer."""
    return sum(customer.encode()) % shards


@dataclass(kw_only=True)
class FaultyStore:
    """CategoryIndex, RecentPurchases and PurchaseHistory over the same purchases."""

    purchases: Sequence[Purchase]
    complete_since: int
    time: VirtualTime = field(default_factory=VirtualTime)
    faults: Faults = field(default_factory=Faults)
    shards: int = 4
    page_size: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.index_pages = self.batch_reads = self.history_reads = 0
        self.running = self.most_running = 0
        self.listed: set[int] = set()
        self.by_customer: dict[str, list[Purchase]] = {}
        for purchase in self.purchases:
            self.by_customer.setdefault(purchase.customer_id, []).append(purchase)
        self.members: dict[tuple[str, int], list[str]] = {}
        for category, customer in sorted({(p.category, p.customer_id) for p in self.purchases}):
            shard = shard_of(customer, self.shards)
            self.members.setdefault((category, shard), []).append(customer)
        self.overflowing = {
            customer
            for customer in sorted(self.by_customer)
            if self.dice.random() < self.faults.overflowing
        }

    async def size_of(self, category: str, /) -> CategorySize | None:
        return (await self.categories()).get(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        await self._call()
        self.index_pages += 1
        members = self.members.get((category, shard), [])
        start = 0 if after is None else bisect_right(members, after)
        size = min(self.page_size, most or self.page_size)
        if start + size >= len(members):
            self.listed.add(shard)
        count_units(reads=Units(measured=0.5))
        return IndexPage(customers=members[start : start + size], more=start + size < len(members))

    async def categories(self) -> Mapping[str, CategorySize]:
        found: dict[str, int] = {}
        for (category, _), members in sorted(self.members.items()):
            found[category] = found.get(category, 0) + len(members)
        return {
            category: CategorySize(customers=customers, partitions=self.shards, page_units=0.0)
            for category, customers in found.items()
        }

    async def read(
        self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
    ) -> RecentBatch:
        assert 0 < len(customer_ids) <= 100
        assert len(set(customer_ids)) == len(customer_ids)
        self.batch_reads += 1
        await self._call()
        unread = [c for c in customer_ids if self.dice.random() < self.faults.unprocessed]
        read = [c for c in customer_ids if c not in set(unread)]
        count_units(reads=Units(measured=float(len(read))))
        histories = [self._recent(customer) for customer in read]
        return batch_of(histories, columns_for=columns_for, unread=unread)

    async def scan(
        self,
        *,
        segment: int,
        segments: int,
        bought_in: str | None = None,
        columns_for: Reach | None = None,
    ) -> AsyncIterator[RecentBatch]:
        mine = [
            c
            for c in self.by_customer
            if sum(c.encode()) % segments == segment
            and bought_in in {None, *(p.category for p in self.by_customer[c])}
        ]
        for start in range(0, len(mine), self.page_size):
            await self._call()
            count_units(reads=Units(measured=1.0))
            yield batch_of(
                [self._recent(c) for c in mine[start : start + self.page_size]],
                columns_for=columns_for,
                left_out=bought_in is not None,
            )

    async def one(self, customer_id: str, /) -> RecentHistory:
        await self._call()
        return self._recent(customer_id)

    async def size(self) -> TableSize:
        return TableSize(items=len(self.by_customer), bytes=500 * len(self.by_customer))

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        self.history_reads += 1
        await self._call()
        count_units(reads=Units(computed=1.0))
        return self.truth(customer_id, after=after, until=until)

    def truth(self, customer_id: str, *, after: int, until: int) -> list[Purchase]:
        """What really happened, whatever the faults are."""
        history = self.by_customer.get(customer_id, [])
        return sorted(
            (p for p in history if after < p.purchased_at <= until),
            key=lambda p: (p.purchased_at, p.purchase_id),
        )

    def _recent(self, customer: str) -> RecentHistory:
        kept = [
            p
            for p in self.by_customer.get(customer, [])
            if day_of(p.purchased_at) >= self.complete_since
        ]
        overflows: Iterable[int] = ()
        if customer in self.overflowing and kept:
            day = day_of(kept[0].purchased_at)
            kept, overflows = [p for p in kept if day_of(p.purchased_at) != day], [day]
        return RecentHistory(
            customer_id=customer,
            complete_since=self.complete_since,
            purchases=PurchaseColumns.of(kept),
            lifetime=Lifetime.of(self.by_customer.get(customer, [])),
            overflow_days=frozenset(overflows),
        )

    async def _call(self) -> None:
        count_round_trip()
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)  # lets others run, as a call over the network does
            self.time.now += self.faults.seconds_a_call
            if self.dice.random() < self.faults.refused:
                raise StoreUnavailable("refused")
        finally:
            self.running -= 1

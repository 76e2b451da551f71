"""Audience: every customer who ever bought in a category, scored as of one instant, streamed.

Every customer has exactly one outcome: a probability, or unread. Shards are independent work: a
customer is in one shard of a category, and a shard arrives in the customers' order.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from domain.audience.cost_plan import SEGMENTS, ReadWay
from domain.audience.member import Member
from domain.audience.reads import (
    AudienceSummary,
    BatchScores,
    ByTimeScores,
    MemberReads,
    TooManyToScan,
    Tries,
    reaches,
    scan,
    together,
)
from domain.audience.scoring import Scoring
from domain.categories import CategoryIndex, IndexPage, Position
from domain.cost import Cost, metered, metered_context
from domain.errors import StoreUnavailable
from domain.pacing import AdaptiveLimit, Pacing
from domain.prediction import Traffic
from domain.purchases import PurchaseHistory
from domain.recent import BATCH_CUSTOMERS, RecentPurchases


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceQuery:
    """Whose propensities are asked for, and for how long at most.

    `as_of` in microseconds since the epoch, UTC, the same instant for every customer; `traffic`
    says which version scores whom; customers not read within `deadline_s` seconds are reported as
    unread; `way` is how recent purchases are read, the members are the same.

    The shards are read `within` these places on, or all of them from their beginning; of each at
    most `most` customers, and the summary says where the following ones begin. Into `features` go
    those of every customer who has purchases, as a row; whoever reads the members takes them out.
    """

    category: str
    as_of: int
    traffic: Traffic
    deadline_s: float
    way: ReadWay = ReadWay.BATCH
    within: Sequence[Position] | None = None
    most: int | None = None
    features: MutableMapping[str, NDArray[np.float64]] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudiencePage:
    """Some members in the audience's order, and where the next page begins (None: at the end)."""

    members: Sequence[Member]
    following: Position | None
    summary: AudienceSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAudience:
    """Lists a category's customers, reads their recent purchases by the hundred, scores them."""

    index: CategoryIndex
    recent: RecentPurchases
    history: PurchaseHistory
    pacing: Pacing = field(default_factory=Pacing)
    concurrent_shards: int = 4
    concurrent_reads: int = 4

    @property
    def shards(self) -> int:
        """Into how many shards a category is divided."""
        return self.index.shards

    @asynccontextmanager
    async def stream(
        self, query: AudienceQuery, /
    ) -> AsyncGenerator[tuple[AsyncIterator[Sequence[Member]], AudienceSummary], None]:
        """The members in batches, and their summary; leaving the block stops all reading.

        A slow consumer slows the reads: no more than a batch per running shard waits for it.

        Raises:
            StoreUnavailable: a refusal that retrying cannot mend, such as a missing permission.
            CorruptRecord: a stored purchase, or the model's score, is none.
        """
        context, cost = metered_context()  # this generator shares its consumer's
        reads = self._reads(query, cost)
        run = _Stream(self, query, reads)
        reading = asyncio.create_task(run.read(), context=context)
        try:
            yield run.members(), reads.summary
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def page(self, query: AudienceQuery, /, *, position: Position, most: int) -> AudiencePage:
        """At most `most` members from `position` on, all of them read; following pages miss nobody.

        A page ends before the first customer that cannot be read before the deadline.

        Raises:
            StoreUnavailable: nobody could be read before it; the same page may be asked for again.
            CorruptRecord: a stored purchase, or the model's score, is none.
        """
        with metered() as cost:
            reads = self._reads(query, cost)
            listed, following = await self._listed(query, reads, position, most)
            members = await reads.all_of([place.after or "" for place in listed])
        read = next((n for n, m in enumerate(members) if m.probability is None), len(members))
        if read < len(members):
            if read == 0:
                raise StoreUnavailable("no customer of this page could be read in time")
            following = listed[read - 1]
        reads.summary.count(members[:read])
        return AudiencePage(members=members[:read], following=following, summary=reads.summary)

    async def _listed(
        self, query: AudienceQuery, reads: MemberReads, position: Position, most: int
    ) -> tuple[list[Position], Position | None]:
        """The next customers with their shards, and where the ones after them begin."""
        listed: list[Position] = []
        following: Position | None = position
        while following is not None and len(listed) < most:
            page = await reads.tries.until_served(
                self.index.page,
                query.category,
                shard=following.shard,
                after=following.after,
                most=most,
            )
            customers = page.customers[: most - len(listed)]
            listed += [Position(following.shard, customer) for customer in customers]
            more = page.more or len(customers) < len(page.customers)
            following = self._after(following, customers[-1] if more else None)
        return listed, following

    def _after(self, position: Position, last: str | None) -> Position | None:
        if last is not None:
            return Position(position.shard, last)
        following = position.shard + 1
        return Position(following) if following < self.index.shards else None

    def _reads(self, query: AudienceQuery, cost: Cost) -> MemberReads:
        scoring, summary = (
            Scoring.of(query.traffic, query.as_of, query.category, query.features),
            AudienceSummary(cost=cost),
        )
        limit = AdaptiveLimit(self.concurrent_reads)
        return MemberReads(
            recent=BatchScores(recent=self.recent, limit=limit, scoring=scoring),
            history=self.history,
            scoring=scoring,
            tries=Tries(self.pacing, self.pacing.seconds() + query.deadline_s, limit),
            limit=limit,
            summary=summary,
        )


class _Stream:
    """One audience on its way: shards read side by side, a bounded queue, one consumer."""

    def __init__(self, service: ScoreAudience, query: AudienceQuery, reads: MemberReads) -> None:
        self._service = service
        self._query = query
        self._reads = reads
        self._slots = asyncio.Semaphore(service.concurrent_shards)
        self._begun = self._over = False
        self._ready: asyncio.Queue[Sequence[Member] | Exception | None] = asyncio.Queue(
            maxsize=service.concurrent_shards
        )

    async def read(self) -> None:
        """Reads every shard into the queue; an error goes there too, for the consumer."""
        try:
            await self._choose_way()
            within = self._query.within
            if within is None:
                within = [Position(shard) for shard in range(self._service.index.shards)]
            await together(map(self._shard, within))
            self._reads.summary.refusals = self._reads.limit.refusals
            if self._query.within is None:
                self._check_begun()
        except Exception as exc:  # noqa: BLE001  # whatever it is, the consumer raises it
            await self._ready.put(exc)
        else:
            await self._ready.put(None)

    def _check_begun(self) -> None:
        if self._reads.summary.unlisted and not self._begun:
            raise StoreUnavailable("no customer of the category could be listed in time")

    async def members(self) -> AsyncIterator[Sequence[Member]]:
        """The members in batches, until every shard has ended."""
        while (batch := await self._ready.get()) is not None:
            if isinstance(batch, Exception):
                raise batch
            self._reads.summary.count(batch)
            yield batch

    async def _choose_way(self) -> None:
        """Reads by time where recent purchases reach not far enough, else as asked for.

        A challenger may look back further than recent purchases reach. In batches only its own
        customers are then read by time.
        """
        wanted = self._query.way
        if wanted is not ReadWay.BY_TIME and not await self._absent_is_empty():
            wanted = ReadWay.BY_TIME
        fits = not self._query.traffic.challenger_looks_further
        if wanted is ReadWay.SCAN and not (fits and await self._scan()):
            wanted = ReadWay.BATCH
        if wanted is ReadWay.BY_TIME:
            self._reads = replace(self._reads, recent=ByTimeScores())
        self._reads.summary.way = wanted

    async def _scan(self) -> bool:
        """Whether every active customer's score is in memory now; if not, batches do it."""
        tries = self._reads.tries
        try:
            async with asyncio.timeout(max(0.0, tries.ends_at - tries.pacing.seconds())):
                scanned = await scan(
                    self._service.recent,
                    segments=SEGMENTS,
                    scoring=self._reads.scoring,
                    others=self._reads.recent,
                )
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
            return False
        except (TimeoutError, TooManyToScan):
            return False
        self._reads = replace(self._reads, recent=scanned)
        return True

    async def _absent_is_empty(self) -> bool:
        reach = self._query.traffic.champion.features.reach
        try:
            return await self._reads.tries.until_served(
                reaches, self._service.recent, reach, self._query.as_of
            )
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
            return True  # who cannot be read then is unread, whatever the way

    async def _shard(self, position: Position) -> None:
        """A shard's customers from there on; whom a read leaves is asked for with the next ones."""
        async with self._slots:
            pending: list[str] = []
            listing = _Listing(position, self._query.most)
            refusals = 0
            while listing.more or pending:
                while listing.more and len(pending) < BATCH_CUSTOMERS:
                    pending += listing.take(await self._page(listing.position))
                    if listing.full:
                        self._reads.summary.following.append(listing.position)
                if not pending:
                    return
                members, unread = await self._reads.some_of(pending[:BATCH_CUSTOMERS])
                pending = [*unread, *pending[BATCH_CUSTOMERS:]]
                if members:
                    self._begun = True
                    await self._ready.put(members)
                if unread:
                    await self._reads.tries.pause(refusals)
                refusals = 0 if members or not unread else refusals + 1

    async def _page(self, position: Position) -> IndexPage:
        """The next customers; a shard that cannot be listed to its end is said to be so.

        Past the deadline listing goes on, so that everybody is named, until the first refusal.
        """
        nothing = IndexPage(customers=(), more=False)
        if self._over:
            self._reads.summary.unlisted.add(position.shard)
            return nothing
        try:
            return await self._reads.tries.until_served(
                self._service.index.page,
                self._query.category,
                shard=position.shard,
                after=position.after,
                most=None,
            )
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
            self._reads.summary.unlisted.add(position.shard)
            self._over = self._reads.tries.late
            return nothing


class _Listing:
    """How far a shard is listed, and whether more of it is to be: at most so many customers."""

    def __init__(self, position: Position, most: int | None) -> None:
        self.position = position
        self.more = True
        self.full = False
        self._left = most

    def take(self, page: IndexPage) -> Sequence[str]:
        """Those customers of the page that still belong to this query."""
        customers = page.customers[: self._left]
        if customers:
            self.position = Position(self.position.shard, customers[-1])
        self.more = page.more
        if self._left is not None:
            self._left -= len(customers)
            self.full = not self._left and (page.more or len(customers) < len(page.customers))
            self.more &= bool(self._left)
        return customers

"""How the members of an audience are read and scored: in batches, by a scan, one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar

from domain.audience.cost_plan import MOST_SCANNED, ReadWay
from domain.audience.member import NO_BUYERS, Expectation, Member
from domain.audience.scoring import Scoring
from domain.categories import Position
from domain.cost import Cost
from domain.errors import StoreUnavailable
from domain.features import Histories
from domain.pacing import AdaptiveLimit, Pacing
from domain.prediction import Arm
from domain.purchases import PurchaseHistory
from domain.recent import BATCH_CUSTOMERS, RecentPurchases
from domain.values import Reach

NOBODY = "-"
"""A customer id to ask with whether absence means an empty history as of an instant."""

LAST_TRY_S = 2.0
"""Seconds that a call begun at the deadline may still take."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class AudienceSummary:
    """What the members so far amount to; of a stream, complete once it has ended.

    `challenged` of the scored are the challenger's. `unlisted` are the shards not listed to their
    end; `following` is where those begin that a query left for another. The store refused
    `refusals` calls.
    """

    scored: int = 0
    unread: int = 0
    unlisted: set[int] = field(default_factory=set)
    following: list[Position] = field(default_factory=list)
    expected: Expectation = NO_BUYERS
    challenged: int = 0
    refusals: int = 0
    way: ReadWay = ReadWay.BATCH
    cost: Cost = field(default_factory=Cost)

    @property
    def partial(self) -> bool:
        """Whether a customer, or the rest of a shard, could not be read before the deadline."""
        return bool(self.unread or self.unlisted)

    @property
    def unlisted_shards(self) -> int:
        """Of how many shards the rest could not be listed."""
        return len(self.unlisted)

    @property
    def expected_buyers(self) -> float:
        """The sum of the probabilities."""
        return self.expected.buyers

    def count(self, members: Sequence[Member]) -> None:
        """These members are part of the audience from now on."""
        for member in members:
            if member.probability is None:
                self.unread += 1
            else:
                self.scored += 1
                self.challenged += member.arm is Arm.CHALLENGER
        self.expected += Expectation.of(members)

    def merge(self, other: "AudienceSummary") -> None:
        """Another part of the same audience is part of it from now on."""
        self.scored += other.scored
        self.unread += other.unread
        self.unlisted |= other.unlisted
        self.expected += other.expected
        self.challenged += other.challenged
        self.refusals += other.refusals
        self.way = other.way


@dataclass(frozen=True, slots=True)
class Tries:
    """One deadline for everything: when to try again, and when to stop.

    Every refusal lowers `limit`, whatever was refused: it is one store.
    """

    pacing: Pacing
    ends_at: float
    limit: AdaptiveLimit

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.pacing.seconds() >= self.ends_at

    async def pause(self, refusals: int) -> None:
        """Waits after so many refusals in a row, with full jitter."""
        left = max(0.0, self.ends_at - self.pacing.seconds())
        await self.pacing.pause(min(left, self.pacing.pause_after(refusals)))

    async def until_served(
        self, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The call's answer, however often it must be tried before the deadline.

        Raises:
            StoreUnavailable: the deadline has passed, or trying again cannot help.
        """
        refusals = 0
        while True:
            left = max(LAST_TRY_S, self.ends_at - self.pacing.seconds())
            try:
                async with asyncio.timeout(left):
                    answer = await call(*args, **kwargs)
            except TimeoutError as exc:
                raise StoreUnavailable("no answer before the deadline") from exc
            except StoreUnavailable as exc:
                if self.late or not exc.transient:
                    raise
                self.limit.refused()
            else:
                self.limit.served()
                return answer
            await self.pause(refusals)
            refusals += 1


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """Of some customers: members, who must be read by time, and whom the store left."""

    members: Sequence[Member]
    by_time: Sequence[str]
    unread: Sequence[str]


class RecentScores(Protocol):
    """Where the scores of recent purchases come from."""

    async def of(self, customers: Sequence[str], /) -> ScoredBatch:
        """An answer that accounts for every customer, at most a hundred."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScores:
    """Reads a hundred customers per round trip, as many at once as the store likes."""

    recent: RecentPurchases
    limit: AdaptiveLimit
    scoring: Scoring

    async def of(self, customers: Sequence[str], /) -> ScoredBatch:
        """The customers' scores, from one round trip; a refusal leaves all of them unread.

        Raises:
            StoreUnavailable: trying again cannot help.
            CorruptRecord: a stored purchase, or the model's score, is none.
        """
        try:
            async with self.limit.slot():
                batch = await self.recent.read(customers, columns_for=self.scoring.reach)
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
            self.limit.refused()
            return ScoredBatch((), (), customers)
        if batch.unread:
            self.limit.refused()
        else:
            self.limit.served()
        members, by_time = self.scoring.split(batch)
        return ScoredBatch(members, by_time, batch.unread)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedScores:
    """Scores of the customers stored, held in memory. Absent customers have no purchases.

    Where customers of other categories were left out, absent is who bought here since: `others`
    reads those.
    """

    members: Mapping[str, Member]
    by_time: frozenset[str]
    scoring: Scoring
    others: RecentScores | None

    async def of(self, customers: Sequence[str], /) -> ScoredBatch:
        """The customers' scores, most often without any read."""
        by_time = [customer for customer in customers if customer in self.by_time]
        members = [self.members[customer] for customer in customers if customer in self.members]
        known = {*by_time, *(member.customer_id for member in members)}
        absent = [customer for customer in customers if customer not in known]
        if self.others is None or not absent:
            members += map(self.scoring.absent, absent)
            return ScoredBatch(members, by_time, ())
        read = await self.others.of(absent)
        return ScoredBatch([*members, *read.members], [*by_time, *read.by_time], read.unread)


async def reaches(recent: RecentPurchases, reach: Reach, as_of: int) -> bool:
    """Whether a customer without recent purchases has an empty history; one round trip.

    Raises:
        StoreUnavailable: the store did not answer.
    """
    batch = await recent.read([NOBODY])
    if batch.unread:
        raise StoreUnavailable("the recent purchases were not read")
    return all(history.answers(reach, as_of) for history in batch.histories)


async def scan(
    recent: RecentPurchases, *, segments: int, scoring: Scoring, others: RecentScores
) -> ScannedScores:
    """The scores of the category's customers, by a parallel scan of the recent purchases.

    `others` reads who is asked for later and was left out.

    Raises:
        StoreUnavailable: a segment could not be read to its end.
        CorruptRecord: a stored purchase, or the model's score, is none.
        TooManyToScan: more customers are active than memory should hold.
    """
    members: dict[str, Member] = {}
    by_time: set[str] = set()
    left_out = False

    async def read(segment: int) -> None:
        nonlocal left_out
        batches = recent.scan(
            segment=segment,
            segments=segments,
            bought_in=scoring.category,
            columns_for=scoring.reach,
        )
        async for batch in batches:
            left_out |= batch.left_out
            found, others = scoring.split(batch)
            members.update((member.customer_id, member) for member in found)
            by_time.update(others)
            if len(members) > MOST_SCANNED:
                raise TooManyToScan(f"more than {MOST_SCANNED} customers are stored")

    await together(read(segment) for segment in range(segments))
    return ScannedScores(
        members=members,
        by_time=frozenset(by_time),
        scoring=scoring,
        others=others if left_out else None,
    )


@dataclass(frozen=True, slots=True)
class ByTimeScores:
    """No recent purchases suffice, such as for an as_of long ago: everybody is read by time."""

    async def of(self, customers: Sequence[str], /) -> ScoredBatch:
        """Nobody's score, everybody to be read by time."""
        return ScoredBatch((), customers, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReads:
    """Turns customers into members: from recent scores, else from their purchases by time."""

    recent: RecentScores
    history: PurchaseHistory
    scoring: Scoring
    tries: Tries
    limit: AdaptiveLimit
    summary: AudienceSummary

    async def some_of(self, customers: Sequence[str]) -> tuple[list[Member], Sequence[str]]:
        """Members of at most a hundred customers, in their order, and whom to ask for again.

        Past the deadline nobody is asked for again: who is not read then is unread.
        """
        if self.tries.late:
            return [self.scoring.unread(customer) for customer in customers], ()
        answer = await self.recent.of(customers)
        members = list(answer.members)
        if answer.by_time:
            members += await together(map(self._by_time, answer.by_time))
        if [member.customer_id for member in members] != customers:
            found = {member.customer_id: member for member in members}
            members = [found[each] for each in customers if each in found]
        return members, answer.unread

    async def all_of(self, customers: Sequence[str]) -> list[Member]:
        """A member of every customer, in their order."""
        members: dict[str, Member] = {}
        pending, refusals = list(customers), 0
        while pending:
            found, unread = await self.some_of(pending[:BATCH_CUSTOMERS])
            members |= {member.customer_id: member for member in found}
            if unread:
                await self.tries.pause(refusals)
            refusals = 0 if found or not unread else refusals + 1
            pending = [*unread, *pending[BATCH_CUSTOMERS:]]
        return [members[customer] for customer in customers]

    async def _by_time(self, customer: str) -> Member:
        reach = self.scoring.reach_of(customer)
        as_of = self.scoring.as_of
        try:
            async with self.limit.slot():
                purchases = await self.tries.until_served(
                    self.history.between, customer, after=reach.after(as_of), until=as_of
                )
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
            return self.scoring.unread(customer)
        (member,) = self.scoring.members(Histories.of_each({customer: purchases}))
        return member


class TooManyToScan(Exception):
    """More customers are stored than a scan may hold in memory."""


async def together(calls: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """The results of all of them; the first error stops the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]

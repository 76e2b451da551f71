"""Create a campaign: the eligible are scored, the chosen are frozen, each with an arm."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from domain.audience import AudienceQuery, AudienceSummary, Member, ReadWay, ScoreAudience
from domain.campaigns.campaign import (
    BEFORE_DAYS,
    Assignment,
    Baseline,
    Campaign,
    CampaignArm,
    FrozenMember,
    MemberPart,
    Policy,
    Rule,
    campaign_name_of,
)
from domain.campaigns.creation import BEAT_S, Claim, Progress
from domain.campaigns.eligibility import BoughtBefore, EligibleIndex, IdSet, MinimumHistory
from domain.campaigns.ports import CampaignDrafts, Campaigns, MemberSpool
from domain.campaigns.ranking import Ranking
from domain.campaigns.reading import ReadSpans, Span, SpanReader
from domain.campaigns.statistics import CampaignStatistics, Moments
from domain.errors import PropensityError, Rejected, StoreUnavailable, Unavailable
from domain.prediction import Arm, Traffic
from domain.recent import BATCH_CUSTOMERS
from domain.retention import FOR_EVER, PurchaseRetention
from domain.values import MICROS_PER_DAY, Clock

PART_ROWS = 50_000
LONGEST_US = MICROS_PER_DAY
"""What began longer ago and is not there yet never will be, so its parts may be removed."""

OnProgress = Callable[[str, int, int], object]
"""Told what is done, how far, and of how many."""


def _in_silence(what: str, done: int, total: int, /) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignOrder:
    """What is to be frozen. `as_of` in microseconds since the epoch, UTC.

    `owner` is who creates it. `suppressed` are ids that must not be contacted. About `expected`
    customers are in the category.
    """

    name: str
    owner: str
    category: str
    as_of: int
    traffic: Traffic
    policy: Policy
    currency: str
    deadline_s: float
    way: ReadWay = ReadWay.BATCH
    suppressed: Iterable[str] = ()
    expected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCampaign:
    """Scores a category as an audience is scored, and freezes those that the policy chooses.

    Of an `as_of` more than a day ago those are left out who first bought in the category since.

    Members wait on disk until everybody is scored. Memory: 16 bytes a scored customer, 8 for each
    id of a suppression list or an earlier campaign, and one part.
    """

    audience: ScoreAudience
    spans: ReadSpans
    drafts: CampaignDrafts
    campaigns: Campaigns
    statistics: CampaignStatistics
    spool: Callable[[], MemberSpool]
    clock: Clock
    retention: PurchaseRetention = FOR_EVER
    part_rows: int = PART_ROWS
    beat_s: float = BEAT_S

    async def __call__(
        self,
        order: CampaignOrder,
        /,
        *,
        claim: Claim | None = None,
        on_progress: OnProgress = _in_silence,
    ) -> Campaign:
        """The campaign, once it is there. With a `claim`, somebody holds the name, and goes on to.

        Raises:
            Rejected: the name is none, or nobody is left to be a member.
            Conflict: the name is taken, or somebody else creates it.
            StoreUnavailable: somebody could not be read in time, so nothing was frozen.
            CorruptRecord: a stored purchase, or the model's score, is none.
        """
        campaign_name_of(order.name)
        if claim is not None:
            return await self._created(order, claim, on_progress)
        claim = await asyncio.to_thread(self.drafts.begin, order.name, self.clock(), order.owner)
        async with self._held(claim, on_progress) as told:
            return await self._created(order, claim, told)

    async def _created(
        self, order: CampaignOrder, claim: Claim, on_progress: OnProgress
    ) -> Campaign:
        campaign = await _Run(self, order, claim.at, on_progress).frozen()
        if self.clock() - claim.at >= LONGEST_US:
            raise StoreUnavailable("it took longer than a day; start again", transient=False)
        await asyncio.to_thread(self.drafts.commit, campaign)
        return campaign

    @asynccontextmanager
    async def _held(self, claim: Claim, on_progress: OnProgress) -> AsyncGenerator[OnProgress]:
        """The block is the creation: others read how far it is, and why it failed."""
        newest = Progress()

        def told(step: str, done: int, total: int, /) -> None:
            nonlocal newest
            newest = Progress(step=step, done=done, total=max(done, total))
            on_progress(step, done, total)

        over = asyncio.Event()

        async def beat() -> None:
            while not over.is_set():
                with suppress(Unavailable):
                    await asyncio.to_thread(self.drafts.tell, claim, self.clock(), newest)
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), self.beat_s)

        beating = asyncio.create_task(beat())

        async def ended() -> None:
            """No beat is under way any more: a thread's writing cannot be cancelled, and must not be last."""
            over.set()
            await asyncio.gather(beating, return_exceptions=True)

        try:
            yield told
        except BaseException as exc:
            await ended()
            reason = str(exc) if isinstance(exc, PropensityError) else "it was interrupted"
            with suppress(Unavailable):
                await asyncio.to_thread(self.drafts.fail, claim, self.clock(), reason)
            raise
        finally:
            await ended()

    def contacted(self, policy: Policy, now: int) -> IdSet:
        """Whom a campaign of the last days contacted; those held out were not.

        Raises:
            MembersRemoved: nobody knows any more whom one of them contacted.
        """
        if policy.not_contacted_days is None:
            return IdSet()
        since = now - policy.not_contacted_days * MICROS_PER_DAY
        return IdSet(
            member.customer_id
            for campaign in self.campaigns.every()
            if campaign.begins_at > since
            for batch in self.campaigns.members(campaign)
            for member in batch
            if member.arm is CampaignArm.TREATED
        )


@dataclass(slots=True)
class _Run:
    """One campaign on its way."""

    service: CreateCampaign
    order: CampaignOrder
    began_at: int
    on_progress: OnProgress
    ranking: Ranking = field(default_factory=Ranking)
    sizes: Counter[CampaignArm] = field(default_factory=Counter[CampaignArm])
    before: Moments = field(default_factory=Moments)

    async def frozen(self) -> Campaign:
        reader = self.service.spans.until(self.order.deadline_s)
        index = await self._eligible(reader)
        spool = self.service.spool()
        try:
            summary = await self._score(index, spool)
            chosen = self._chosen(index)
            parts = [part async for part in self._parts(spool, chosen, reader)]
        finally:
            spool.close()
        return self._campaign(summary, index.removed, chosen, parts)

    async def _eligible(self, reader: SpanReader) -> EligibleIndex:
        policy = self.order.policy
        suppressed = await asyncio.to_thread(IdSet, self.order.suppressed)
        contacted = await asyncio.to_thread(self.service.contacted, policy, self.began_at)
        without: dict[Rule, IdSet] = {}
        if policy.suppression:
            without[Rule.SUPPRESSED] = suppressed
        if policy.not_contacted_days is not None:
            without[Rule.CONTACTED] = contacted
        by_history: dict[Rule, MinimumHistory | BoughtBefore] = {}
        if self.order.as_of < self.began_at - MICROS_PER_DAY:
            by_history[Rule.FIRST_BOUGHT_LATER] = BoughtBefore(
                category=self.order.category,
                as_of=self.order.as_of,
                known_after=self.service.retention.known_after(self.began_at),
                read=reader,
            )
        if policy.min_purchases is not None:
            by_history[Rule.TOO_FEW_PURCHASES] = MinimumHistory(
                purchases=policy.min_purchases,
                days=policy.history_days,
                as_of=self.order.as_of,
                read=reader,
            )
        return EligibleIndex(self.service.audience.index, without, by_history)

    async def _score(self, index: EligibleIndex, spool: MemberSpool) -> AudienceSummary:
        order, policy = self.order, self.order.policy
        query = AudienceQuery(
            category=order.category,
            as_of=order.as_of,
            traffic=order.traffic,
            deadline_s=order.deadline_s,
            way=order.way,
        )
        audience = replace(self.service.audience, index=index)
        async with audience.stream(query) as (batches, summary):
            async for batch in batches:
                inside = [
                    member
                    for member in batch
                    if member.probability is not None
                    and policy.min_probability <= member.probability <= policy.max_probability
                ]
                spool.add(inside)
                self.ranking.add(inside)
                self.on_progress("scoring", summary.scored, order.expected)
                if summary.unread:
                    break
        if summary.partial:
            raise StoreUnavailable(
                "not every customer could be read before the deadline, so nothing was frozen; "
                "run it again, or raise PROPENSITY_AUDIENCE_DEADLINE_S"
            )
        return summary

    def _chosen(self, index: EligibleIndex) -> NDArray[np.bool_]:
        if not len(self.ranking):
            taken = ", ".join(f"{rule.value}: {n:,}" for rule, n in index.removed.items() if n)
            raise Rejected(
                "campaign",
                f"nobody of {self.order.category} is left to be a member; taken out by rules: "
                f"{taken or 'nobody'}; widen the range or the rules",
            )
        return self.ranking.highest(self.order.policy.kept(len(self.ranking)))

    async def _parts(
        self, spool: MemberSpool, chosen: NDArray[np.bool_], reader: SpanReader
    ) -> AsyncIterator[MemberPart]:
        waiting: list[FrozenMember] = []
        done, total = 0, int(chosen.sum())
        at_once = BATCH_CUSTOMERS * self.service.spans.concurrent_reads
        for members in _in_groups(_of(spool.batches(), chosen), at_once):
            waiting += await self._with_the_time_before(members, reader)
            done += len(members)
            self.on_progress("freezing", done, total)
            while len(waiting) >= self.service.part_rows:
                yield await self._written(waiting[: self.service.part_rows])
                del waiting[: self.service.part_rows]
        if waiting:
            yield await self._written(waiting)

    async def _with_the_time_before(
        self, members: Sequence[Member], reader: SpanReader
    ) -> list[FrozenMember]:
        as_of = self.order.as_of
        after = as_of - BEFORE_DAYS * MICROS_PER_DAY
        found = await reader([Span(each.customer_id, after, as_of) for each in members], None)
        if len(found) < len(members):
            raise StoreUnavailable(
                "not every member's purchases could be read before the deadline, so nothing was "
                "frozen; run it again, or raise PROPENSITY_AUDIENCE_DEADLINE_S"
            )
        assignment = Assignment(self.order.name, self.order.policy.holdout)
        versions = _versions(self.order.traffic)
        frozen: list[FrozenMember] = []
        for member in members:
            arm = assignment.arm_of(member.customer_id)
            volume_minor = found[member.customer_id].volume_minor
            self.sizes[arm] += 1
            self.before += Moments.of(volume_minor)
            frozen.append(
                FrozenMember(
                    member.customer_id,
                    arm,
                    member.probability or 0.0,
                    versions[member.arm],
                    volume_minor,
                )
            )
        return frozen

    async def _written(self, members: Sequence[FrozenMember]) -> MemberPart:
        write = self.service.drafts.write
        return await asyncio.to_thread(write, self.order.name, self.began_at, members)

    def _campaign(
        self,
        summary: AudienceSummary,
        removed: Mapping[Rule, int],
        chosen: NDArray[np.bool_],
        parts: Sequence[MemberPart],
    ) -> Campaign:
        order, champion = self.order, self.order.traffic.champion
        rate = self.ranking.mean(chosen)
        treated, held_out = (self.sizes[arm] for arm in CampaignArm)
        return Campaign(
            name=order.name,
            category=order.category,
            created_at=self.began_at,
            as_of=order.as_of,
            model=order.traffic.name,
            revision=order.traffic.revision,
            versions=_versions(order.traffic),
            policy=order.policy,
            removed=dict(removed),
            eligible=summary.scored,
            members={CampaignArm.TREATED: treated, CampaignArm.HELD_OUT: held_out},
            baseline=Baseline(
                rate=rate,
                in_category=champion.features.targeted,
                horizon_days=champion.horizon_days,
                spread_before=self.before.variance,
                cuts=self.ranking.cuts(chosen),
                lift=self.service.statistics.detectable(rate, treated=treated, held_out=held_out),
            ),
            currency=order.currency,
            parts=parts,
        )


def _versions(traffic: Traffic) -> Mapping[Arm, int]:
    return {arm: model.version for arm, model in traffic.answering.items()}


def _of(batches: Iterator[Sequence[Member]], chosen: NDArray[np.bool_]) -> Iterator[Member]:
    at = 0
    for batch in batches:
        kept = chosen[at : at + len(batch)].tolist()
        at += len(batch)
        yield from (member for member, keep in zip(batch, kept, strict=True) if keep)


def _in_groups(members: Iterator[Member], size: int) -> Iterator[Sequence[Member]]:
    group: list[Member] = []
    for member in members:
        group.append(member)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group

"""Measure: what customers of two arms bought since an instant of each, turned into results."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.campaigns.campaign import BEFORE_DAYS, Campaign, CampaignArm, FrozenMember
from domain.campaigns.ranking import TENTHS, tenth_of
from domain.campaigns.reading import Bought, ReadSpans, Span
from domain.campaigns.results import CampaignResults, Group, Judge, Metric, Plan, Tally
from domain.campaigns.statistics import CampaignStatistics, Moments
from domain.errors import Rejected
from domain.values import BUCKETS, MICROS_PER_DAY, Clock

MAX_DAYS = 365


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One customer of an experiment, whose purchases count from `since` on.

    Microseconds since the epoch, UTC. A member of a campaign, or whoever a flag was first decided
    for. `volume_before_minor` is what they bought before, in minor units.
    """

    customer_id: str
    arm: CampaignArm
    probability: float
    since: int
    volume_before_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What is asked of enrolled customers.

    `holdout` in basis points is the planned share. `cuts` part the customers by probability.
    `primary` is the conversion that the groups are compared by. `began_at` and `last_since` are the
    first and last instant from which purchases count.
    """

    category: str | None
    days: int
    holdout: int
    cuts: Sequence[float]
    plan: Plan
    primary: Metric
    began_at: int
    last_since: int

    def __post_init__(self) -> None:
        if not 1 <= self.days <= MAX_DAYS:
            raise Rejected("days", f"must be from 1 to {MAX_DAYS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureExperiment:
    """Reads what enrolled customers bought, in batches, and keeps sums alone."""

    spans: ReadSpans
    statistics: CampaignStatistics
    clock: Clock
    deadline_s: float

    async def __call__(
        self,
        enrolled: Iterable[Sequence[Enrolled]],
        experiment: Experiment,
        /,
        *,
        on_progress: Callable[[int], object] = lambda _: None,
    ) -> CampaignResults:
        """What is seen now.

        Raises:
            InvalidRequest: purchases of that time are no longer kept.
            StoreUnavailable: trying again cannot help.
            CorruptRecord: a stored purchase cannot be read as one.
        """
        now = self.clock()
        length_us = experiment.days * MICROS_PER_DAY
        if now <= experiment.began_at:
            raise Rejected("campaign", "has not begun: there is nothing to measure yet")
        tallies = _Tallies(experiment)
        reader = self.spans.until(self.deadline_s)
        for batch in enrolled:
            spans = [
                Span(
                    each.customer_id, each.since, max(each.since, min(now, each.since + length_us))
                )
                for each in batch
            ]
            tallies.count(batch, await reader(spans, experiment.category))
            on_progress(tallies.customers)
        over = now >= experiment.last_since + length_us
        return tallies.results(self.statistics, measured_at=now, over=over)


class _Tallies:
    """What customers did, by arm and tenth of probability."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._groups = [{arm: _Sums() for arm in CampaignArm} for _ in range(TENTHS)]
        self._unread = 0
        self.customers = 0

    def count(self, batch: Sequence[Enrolled], found: Mapping[str, Bought]) -> None:
        """These did that; who did nothing known is unread."""
        for each in batch:
            self.customers += 1
            bought = found.get(each.customer_id)
            if bought is None:
                self._unread += 1
                continue
            tenth = tenth_of(each.probability, self._experiment.cuts)
            self._groups[tenth][each.arm].add(bought, each.volume_before_minor)

    def results(
        self, statistics: CampaignStatistics, *, measured_at: int, over: bool
    ) -> CampaignResults:
        experiment = self._experiment
        groups = [
            Group(
                treated=sums[CampaignArm.TREATED].tally, held_out=sums[CampaignArm.HELD_OUT].tally
            )
            for sums in self._groups
        ]
        everybody = sum(groups, Group())
        judge = Judge(
            statistics=statistics,
            holdout=experiment.holdout / BUCKETS,
            plan=experiment.plan,
            over=over,
            unread=self._unread,
        )
        return CampaignResults(
            measured_at=measured_at,
            begins_at=experiment.began_at,
            days=experiment.days,
            over=over,
            treated=everybody.treated.customers,
            held_out=everybody.held_out.customers,
            unread=self._unread,
            holdout=experiment.holdout / BUCKETS,
            sample_ratio=judge.sample_ratio(everybody),
            metrics=judge.metrics(everybody),
            uplift=judge.uplift(groups, experiment.primary),
        )


class _Sums:
    """A tally that grows in place."""

    def __init__(self) -> None:
        self._numbers = [0] * 8

    def add(self, bought: Bought, before: int) -> None:
        amount = bought.volume_minor
        added = (
            1,
            bought.in_category > 0,
            bought.purchases > 0,
            amount,
            amount * amount,
            before,
            before * before,
            amount * before,
        )
        for at, number in enumerate(added):
            self._numbers[at] += number

    @property
    def tally(self) -> Tally:
        customers, in_category, anything, *sums = self._numbers
        total, squares, before, before_squares, products = sums
        return Tally(
            customers=customers,
            in_category=in_category,
            any=anything,
            revenue=Moments(
                customers=customers,
                total=total,
                squares=squares,
                before=before,
                before_squares=before_squares,
                products=products,
            ),
        )


def experiment_of(campaign: Campaign, days: int) -> Experiment:
    """What is asked of a campaign's members."""
    baseline = campaign.baseline
    return Experiment(
        category=campaign.category,
        days=days,
        holdout=campaign.policy.holdout,
        cuts=baseline.cuts,
        plan=Plan(
            rate=baseline.rate, spread=baseline.spread_before * baseline.horizon_days / BEFORE_DAYS
        ),
        primary=Metric.CONVERSION_IN_CATEGORY if baseline.in_category else Metric.CONVERSION,
        began_at=campaign.begins_at,
        last_since=campaign.begins_at,
    )


def enrolled_of(
    campaign: Campaign, members: Iterable[Sequence[FrozenMember]]
) -> Iterable[list[Enrolled]]:
    """A campaign's members as they are measured, in batches of a few hundred."""
    for batch in members:
        for start in range(0, len(batch), 400):
            yield [
                Enrolled(
                    member.customer_id,
                    member.arm,
                    member.probability,
                    campaign.begins_at,
                    member.volume_before_minor,
                )
                for member in batch[start : start + 400]
            ]

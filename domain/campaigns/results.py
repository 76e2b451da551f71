"""Whether a campaign worked: what is measured of two arms, and what may be said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.campaigns.statistics import CampaignStatistics, Difference, Interval, Moments, Share

BROKEN_BELOW = 0.001
"""Groups so unlike the planned ones are not chance. Source: Fabijan and others (2019)."""


class Metric(StrEnum):
    """What is compared between treated and held out."""

    CONVERSION_IN_CATEGORY = "conversion_in_category"
    CONVERSION = "conversion"
    REVENUE = "revenue"
    REVENUE_ADJUSTED = "revenue_adjusted"


class Verdict(StrEnum):
    """What may be said of a metric."""

    HIGHER = "higher"
    LOWER = "lower"
    NOT_TOLD_APART = "not_told_apart"
    TOO_EARLY = "too_early"
    NO_HOLDOUT = "no_holdout"
    PARTIAL = "partial"
    ASSIGNMENT_BROKEN = "assignment_broken"


_SHARES = (Metric.CONVERSION, Metric.CONVERSION_IN_CATEGORY)
"""Of these a difference is within -1 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What some customers of one arm did. Money in minor units, after refunds."""

    customers: int = 0
    in_category: int = 0
    any: int = 0
    revenue: Moments = field(default_factory=Moments)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            customers=self.customers + other.customers,
            in_category=self.in_category + other.in_category,
            any=self.any + other.any,
            revenue=self.revenue + other.revenue,
        )

    def share(self, metric: Metric) -> Share:
        """How many bought, of a metric of conversion."""
        bought = self.in_category if metric is Metric.CONVERSION_IN_CATEGORY else self.any
        return Share(bought, self.customers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Customers of about the same probability, of whom the first group has the highest."""

    treated: Tally = field(default_factory=Tally)
    held_out: Tally = field(default_factory=Tally)

    def __add__(self, other: "Group") -> "Group":
        return Group(treated=self.treated + other.treated, held_out=self.held_out + other.held_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric: both arms, their difference, and what may be said.

    Rates from 0 to 1; revenue per customer in minor units. `difference` holds for one look once the
    window is over, `always_valid` for every look; None where nothing may be said.
    """

    metric: Metric
    treated: float
    held_out: float
    difference: Difference | None
    always_valid: Interval | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplift:
    """Conversion and revenue of customers of about the same probability, treated less held out.

    `tenth` 1 has the highest probabilities. `so_far` is the conversion of this tenth and all above
    it: the uplift curve. Not an average over many looks: look at it once the window is over.
    """

    tenth: int
    treated: Share
    held_out: Share
    conversion: Difference | None
    revenue: Difference | None
    so_far: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResults:
    """What was seen of a campaign at an instant. Instants in microseconds since the epoch, UTC.

    Purchases count from `begins_at` for `days`; the window is `over` or not. `unread` members could
    not be read in time. `sample_ratio` is how probable the sizes of the arms are by chance alone.
    """

    measured_at: int
    begins_at: int
    days: int
    over: bool
    treated: int
    held_out: int
    unread: int
    holdout: float
    sample_ratio: float
    metrics: Sequence[Measured]
    uplift: Sequence[Uplift]

    @property
    def assignment_broken(self) -> bool:
        """Whether the arms differ from the plan by more than chance."""
        return self.sample_ratio < BROKEN_BELOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was fixed before, and so decides how looks at any time are spaced.

    `rate` of conversion, and the variance of one customer's revenue in squared minor units.
    """

    rate: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Turns what two arms did into what may be said of it.

    `holdout` is the planned share, `plan` what was expected. Nobody wins where the assignment is
    broken, somebody is unread, or nobody was held out.
    """

    statistics: CampaignStatistics
    holdout: float
    plan: Plan
    over: bool
    unread: int

    def sample_ratio(self, everybody: Group) -> float:
        """How probable the arms' sizes are."""
        if not self.holdout:
            return 1.0
        return self.statistics.sample_ratio(
            everybody.treated.customers, everybody.held_out.customers, holdout=self.holdout
        )

    def metrics(self, everybody: Group) -> list[Measured]:
        """Every metric of all members."""
        return [
            *(self._conversion(each, everybody) for each in _CONVERSIONS),
            *(self._revenue(each, everybody) for each in (Metric.REVENUE, Metric.REVENUE_ADJUSTED)),
        ]

    def uplift(self, groups: Sequence[Group], metric: Metric) -> list[Uplift]:
        """By groups of probability, the highest first; groups of nobody are left out."""
        found: list[Uplift] = []
        above = Group()
        silent = not self.over or self._silenced(sum(groups, Group())) is not None
        for tenth, group in enumerate(groups, start=1):
            above += group
            if not group.treated.customers + group.held_out.customers:
                continue
            found.append(
                Uplift(
                    tenth=tenth,
                    treated=group.treated.share(metric),
                    held_out=group.held_out.share(metric),
                    conversion=None if silent else self._shares(group, metric),
                    revenue=None if silent else self._means(group, adjusted=True),
                    so_far=None if silent else self._shares(above, metric),
                )
            )
        return found

    def _conversion(self, metric: Metric, everybody: Group) -> Measured:
        treated, held_out = everybody.treated.share(metric), everybody.held_out.share(metric)
        difference = self._shares(everybody, metric)
        bought = treated + held_out
        # Who bought buys no first time again: the odds of having bought are what accrues.
        planned = (1 - bought.rate) ** 2 * self.plan.rate / max(1 - self.plan.rate, 1e-9)
        return self._judged(metric, treated.rate, held_out.rate, difference, planned, everybody)

    def _revenue(self, metric: Metric, everybody: Group) -> Measured:
        difference = self._means(everybody, adjusted=metric is Metric.REVENUE_ADJUSTED)
        means = everybody.treated.revenue.mean, everybody.held_out.revenue.mean
        return self._judged(metric, *means, difference, self.plan.spread, everybody)

    def _judged(  # noqa: PLR0913, PLR0917  # one metric
        self,
        metric: Metric,
        treated: float,
        held_out: float,
        difference: Difference,
        planned: float,
        everybody: Group,
    ) -> Measured:
        silenced = self._silenced(everybody)
        if silenced is not None:
            return Measured(
                metric=metric,
                treated=treated,
                held_out=held_out,
                difference=None,
                always_valid=None,
                verdict=silenced,
            )
        customers = [each.customers for each in (everybody.treated, everybody.held_out)]
        always = self.statistics.always_valid(
            difference, planned_variance=planned * sum(1 / each for each in customers)
        )
        if metric in _SHARES:
            always = always.within(-1.0, 1.0)
        return Measured(
            metric=metric,
            treated=treated,
            held_out=held_out,
            difference=difference if self.over else None,
            always_valid=always,
            verdict=self._verdict(difference.interval if self.over else always),
        )

    def _silenced(self, everybody: Group) -> Verdict | None:
        """Why nothing may be said of a difference; None: something may."""
        if not (everybody.held_out.customers and everybody.treated.customers):
            return Verdict.NO_HOLDOUT
        if self.sample_ratio(everybody) < BROKEN_BELOW:
            return Verdict.ASSIGNMENT_BROKEN
        return Verdict.PARTIAL if self.unread else None

    def _verdict(self, interval: Interval) -> Verdict:
        if not interval.excludes(0.0):
            return Verdict.NOT_TOLD_APART if self.over else Verdict.TOO_EARLY
        return Verdict.HIGHER if interval.low is not None and interval.low > 0 else Verdict.LOWER

    def _shares(self, group: Group, metric: Metric) -> Difference:
        return self.statistics.shares(group.treated.share(metric), group.held_out.share(metric))

    def _means(self, group: Group, *, adjusted: bool) -> Difference:
        return self.statistics.means(
            group.treated.revenue, group.held_out.revenue, adjusted=adjusted
        )


_CONVERSIONS = (Metric.CONVERSION_IN_CATEGORY, Metric.CONVERSION)

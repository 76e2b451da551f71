"""Results of campaigns and of flags that hold customers out, as they travel."""

from typing import Annotated

from msgspec import Meta, Struct

from domain.campaigns import (
    Campaign,
    CampaignResults,
    Difference,
    FlagResults,
    Interval,
    Measured,
    Share,
    Uplift,
)
from domain.values import instant

ShareOf = Annotated[float, Meta(ge=0, le=1)]


class IntervalReport(Struct, frozen=True, kw_only=True):
    """An interval of 95 %; an end that is null is open."""

    low: float | None
    high: float | None

    @classmethod
    def of(cls, interval: Interval) -> "IntervalReport":
        """The interval as it travels."""
        return cls(low=interval.low, high=interval.high)


class DifferenceReport(Struct, frozen=True, kw_only=True):
    """Treated less held out, for one look once the window is over."""

    estimate: float
    interval: IntervalReport
    relative: Annotated[float | None, Meta(description="The share of the held out's; 0.1 is 10 %.")]
    relative_interval: IntervalReport

    @classmethod
    def of(cls, difference: Difference | None) -> "DifferenceReport | None":
        """The difference as it travels, if there is one."""
        if difference is None:
            return None
        return cls(
            estimate=difference.estimate,
            interval=IntervalReport.of(difference.interval),
            relative=difference.relative,
            relative_interval=IntervalReport.of(difference.relative_interval),
        )


class MetricReport(Struct, frozen=True, kw_only=True):
    """One metric of both arms: a rate from 0 to 1, or minor units a customer."""

    metric: str
    treated: float
    held_out: float
    difference: Annotated[
        DifferenceReport | None, Meta(description="Null until the window is over.")
    ]
    always_valid: Annotated[
        IntervalReport | None,
        Meta(description="Of the difference; holds for every look together, whenever you look."),
    ]
    verdict: Annotated[
        str,
        Meta(
            description="`higher`, `lower`, `not_told_apart`, `too_early`, `no_holdout`, `partial` or "
            "`assignment_broken`."
        ),
    ]

    @classmethod
    def of(cls, measured: Measured) -> "MetricReport":
        """The metric as it travels."""
        always = measured.always_valid
        return cls(
            metric=measured.metric,
            treated=measured.treated,
            held_out=measured.held_out,
            difference=DifferenceReport.of(measured.difference),
            always_valid=None if always is None else IntervalReport.of(always),
            verdict=measured.verdict,
        )


class BoughtReport(Struct, frozen=True, kw_only=True):
    """How many of some customers bought."""

    bought: int
    customers: int

    @classmethod
    def of(cls, share: Share) -> "BoughtReport":
        """The share as it travels."""
        return cls(bought=share.count, customers=share.of)


class UpliftReport(Struct, frozen=True, kw_only=True):
    """Members of about the same probability; tenth 1 has the highest."""

    tenth: Annotated[int, Meta(ge=1, le=10)]
    treated: BoughtReport
    held_out: BoughtReport
    conversion: DifferenceReport | None
    revenue: Annotated[
        DifferenceReport | None,
        Meta(description="Minor units a customer, adjusted for the time before."),
    ]
    so_far: Annotated[
        DifferenceReport | None,
        Meta(description="Conversion of this tenth and all above it: the uplift curve."),
    ]

    @classmethod
    def of(cls, uplift: Uplift) -> "UpliftReport":
        """The tenth as it travels."""
        return cls(
            tenth=uplift.tenth,
            treated=BoughtReport.of(uplift.treated),
            held_out=BoughtReport.of(uplift.held_out),
            conversion=DifferenceReport.of(uplift.conversion),
            revenue=DifferenceReport.of(uplift.revenue),
            so_far=DifferenceReport.of(uplift.so_far),
        )


class ResultsReport(Struct, frozen=True, kw_only=True):
    """What was seen of a campaign at an instant."""

    name: str
    measured_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    begins_at: Annotated[str, Meta(description="Purchases count after this instant.")]
    days: Annotated[int, Meta(ge=1, description="For so many days.")]
    over: Annotated[bool, Meta(description="Whether these days are over.")]
    treated: Annotated[int, Meta(ge=0, description="Members measured.")]
    held_out: Annotated[int, Meta(ge=0, description="Members measured.")]
    unread: Annotated[int, Meta(ge=0, description="Members who could not be read in time.")]
    partial: bool
    holdout: Annotated[float, Meta(description="The share that was to be held out.")]
    sample_ratio: Annotated[
        float, Meta(ge=0, le=1, description="How probable the arms' sizes are by chance alone.")
    ]
    assignment_broken: Annotated[
        bool, Meta(description="That is below 0.001: no difference is told.")
    ]
    currency: str
    metrics: list[MetricReport]
    uplift: list[UpliftReport]

    @classmethod
    def of(cls, campaign: Campaign, results: CampaignResults) -> "ResultsReport":
        """The results as they travel."""
        return cls(
            name=campaign.name,
            measured_at=instant.render(results.measured_at),
            begins_at=instant.render(results.begins_at),
            days=results.days,
            over=results.over,
            treated=results.treated,
            held_out=results.held_out,
            unread=results.unread,
            partial=results.unread > 0,
            holdout=results.holdout,
            sample_ratio=results.sample_ratio,
            assignment_broken=results.assignment_broken,
            currency=campaign.currency,
            metrics=[MetricReport.of(each) for each in results.metrics],
            uplift=[UpliftReport.of(each) for each in results.uplift],
        )


class FlagResultsReport(Struct, frozen=True, kw_only=True):
    """What was seen of a flag that holds customers out, at an instant."""

    flag: str
    category: Annotated[str | None, Meta(description="Of which purchases it is; null: of any.")]
    measured_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    start: Annotated[str, Meta(description="Customers whom it was first decided for from then on.")]
    end: Annotated[str, Meta(description="And before then.")]
    days: Annotated[int, Meta(ge=1, description="Purchases of each count for so many days.")]
    over: Annotated[bool, Meta(description="Whether everybody's days are over.")]
    treated: Annotated[int, Meta(ge=0, description="Not held out, whether it was shown or not.")]
    held_out: Annotated[int, Meta(ge=0)]
    unread: Annotated[int, Meta(ge=0, description="Who could not be read in time.")]
    partial: bool
    share: Annotated[float, Meta(gt=0, le=1, description="Share of customers drawn, by their ids.")]
    holdout: Annotated[float, Meta(description="The share that the flag is to hold out.")]
    sample_ratio: Annotated[
        float, Meta(ge=0, le=1, description="How probable the arms' sizes are by chance alone.")
    ]
    assignment_broken: Annotated[
        bool, Meta(description="That is below 0.001: no difference is told.")
    ]
    currency: str
    metrics: list[MetricReport]

    @classmethod
    def of(cls, found: FlagResults, currency: str) -> "FlagResultsReport":
        """The results as they travel."""
        results = found.results
        return cls(
            flag=found.flag,
            category=found.category,
            measured_at=instant.render(results.measured_at),
            start=instant.render(found.start),
            end=instant.render(found.end),
            days=results.days,
            over=results.over,
            treated=results.treated,
            held_out=results.held_out,
            unread=results.unread,
            partial=results.unread > 0,
            share=found.share,
            holdout=results.holdout,
            sample_ratio=results.sample_ratio,
            assignment_broken=results.assignment_broken,
            currency=currency,
            metrics=[MetricReport.of(each) for each in results.metrics],
        )

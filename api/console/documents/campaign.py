"""Campaigns as a marketer sees them: who, what is known of the result, and in plain words."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.console.documents.campaign_words import Conclusion, concluded, conclusion_of
from api.documents.campaign import CampaignReport, CreationReport
from api.documents.campaign_results import FlagResultsReport, ResultsReport
from api.process.measurements import Measurement
from domain.campaigns import Campaign, CampaignResults, FlagResults, Metric
from domain.decisions import Flag
from domain.values import BUCKETS, MICROS_PER_DAY

Instant = Annotated[int, Meta(description="Microseconds since the epoch, UTC.")]
State = Literal["frozen", "running", "over"]


class CampaignLine(Struct, frozen=True, kw_only=True):
    """One campaign of the list."""

    name: str
    category: str
    created_at: Instant
    state: Annotated[
        State, Meta(description="`frozen`: not known to be sent. `running`: purchases count.")
    ]
    day: Annotated[int | None, Meta(description="Which day of `days` it is, while it runs.")]
    days: int
    treated: int
    held_out: int
    detectable_lift: Annotated[
        float | None, Meta(description="Least difference that is seen; null: none is.")
    ]
    measured_at: Instant | None
    tone: str
    result: Annotated[str, Meta(description="The newest result in one line.")]

    @classmethod
    def of(cls, campaign: Campaign, results: CampaignResults | None, *, now: int) -> "CampaignLine":
        """The campaign as a line."""
        report = CampaignReport.of(campaign)
        days = campaign.baseline.horizon_days if results is None else results.days
        state, day = state_of(campaign, days, now)
        conclusion = conclusion_of(campaign, results)
        return cls(
            name=campaign.name,
            category=campaign.category,
            created_at=campaign.created_at,
            state=state,
            day=day,
            days=days,
            treated=report.treated,
            held_out=report.held_out,
            detectable_lift=report.detectable_lift,
            measured_at=None if results is None else results.measured_at,
            tone=conclusion.tone,
            result=conclusion.headline,
        )


class FlagLine(Struct, frozen=True, kw_only=True):
    """A flag that holds customers out, with its newest result."""

    flag: str
    holdout: float
    measured_at: Instant | None
    tone: str
    result: str

    @classmethod
    def of(cls, flag: Flag, found: FlagResults | None) -> "FlagLine":
        """The flag as a line."""
        conclusion = flag_conclusion(found)
        return cls(
            flag=flag.key,
            holdout=flag.holdout / BUCKETS,
            measured_at=None if found is None else found.results.measured_at,
            tone=conclusion.tone,
            result=conclusion.headline,
        )


class FlagPage(Struct, frozen=True, kw_only=True):
    """A flag that holds customers out: whether what it decides sells more."""

    flag: str
    holdout: float
    conclusion: Conclusion
    measured_at: Instant | None
    results: FlagResultsReport | None


def flag_conclusion(found: FlagResults | None) -> Conclusion:
    """What may be said of a flag."""
    if found is None:
        return Conclusion(
            tone="plain", headline="Not measured yet.", text="Measure it from the log of decisions."
        )
    primary = Metric.CONVERSION if found.category is None else Metric.CONVERSION_IN_CATEGORY
    return concluded(found.results, primary, subject="The flag")


class CampaignsPage(Struct, frozen=True, kw_only=True):
    """The newest campaigns, and flags that hold customers out, with their newest results."""

    campaigns: list[CampaignLine]
    flags: list[FlagLine]
    more: Annotated[int, Meta(description="So many older ones are not shown.")]


class MeasurementState(Struct, frozen=True, kw_only=True):
    """How far a measurement is."""

    days: int
    members: int
    done: int
    began_at: Instant
    over: bool
    reason: Annotated[str | None, Meta(description="Why it failed.")]

    @classmethod
    def of(cls, state: Measurement | None) -> "MeasurementState | None":
        """The measurement as it is shown, if there is one."""
        if state is None:
            return None
        return cls(
            days=state.days,
            members=state.members,
            done=min(state.done, state.members),
            began_at=state.began_at,
            over=state.over,
            reason=state.reason,
        )


class CampaignPage(Struct, frozen=True, kw_only=True):
    """One campaign: who, and whether it helped."""

    campaign: CampaignReport
    created_at: Instant
    as_of: Instant
    sent_at: Instant | None
    begins_at: Annotated[int, Meta(description="From this instant on purchases count.")]
    state: State
    day: int | None
    days: int
    measured_at: Instant | None
    conclusion: Conclusion
    measuring: MeasurementState | None

    @classmethod
    def of(
        cls,
        campaign: Campaign,
        results: CampaignResults | None,
        measuring: Measurement | None,
        *,
        now: int,
    ) -> "CampaignPage":
        """The campaign as a page."""
        days = campaign.baseline.horizon_days if results is None else results.days
        state, day = state_of(campaign, days, now)
        return cls(
            campaign=CampaignReport.of(campaign),
            created_at=campaign.created_at,
            as_of=campaign.as_of,
            sent_at=campaign.sent_at,
            begins_at=campaign.begins_at,
            state=state,
            day=day,
            days=days,
            measured_at=None if results is None else results.measured_at,
            conclusion=conclusion_of(campaign, results),
            measuring=MeasurementState.of(measuring),
        )


class CampaignCreating(Struct, frozen=True, kw_only=True):
    """A campaign that is being created, or could not be."""

    creation: CreationReport


class CampaignToDelete(Struct, frozen=True, kw_only=True):
    """The page that asks before a campaign is deleted."""

    name: str
    members: int
    sent_at: Instant | None
    wrong: str | None = None


class SeenLook(Struct, frozen=True, kw_only=True):
    """What was known at one look: treated less held out, and an interval that holds at every look."""

    at: Instant
    difference: float
    low: float | None
    high: float | None


class CampaignResultsPage(Struct, frozen=True, kw_only=True):
    """The newest result, and every look before it."""

    results: ResultsReport
    conclusion: Conclusion
    primary: Annotated[str, Meta(description="The metric that was planned for.")]
    looks: list[SeenLook]
    older_looks: Annotated[int, Meta(description="So many earlier ones are not shown.")]

    @classmethod
    def of(
        cls, campaign: Campaign, newest_last: Sequence[CampaignResults], *, older: int
    ) -> "CampaignResultsPage":
        """The results as they are shown; there is one at least."""
        primary = primary_of(campaign)
        looks: list[SeenLook] = []
        for each in newest_last:
            metric = next(one for one in each.metrics if one.metric is primary)
            if metric.always_valid is not None:
                looks.append(
                    SeenLook(
                        at=each.measured_at,
                        difference=metric.treated - metric.held_out,
                        low=metric.always_valid.low,
                        high=metric.always_valid.high,
                    )
                )
        return cls(
            results=ResultsReport.of(campaign, newest_last[-1]),
            conclusion=conclusion_of(campaign, newest_last[-1]),
            primary=primary,
            looks=looks,
            older_looks=older,
        )


def primary_of(campaign: Campaign) -> Metric:
    """The conversion that the campaign was planned for."""
    if campaign.baseline.in_category:
        return Metric.CONVERSION_IN_CATEGORY
    return Metric.CONVERSION


def state_of(campaign: Campaign, days: int, now: int) -> tuple[State, int | None]:
    """Whether it was sent, and on which day it is."""
    if campaign.sent_at is None:
        return "frozen", None
    passed = now - campaign.sent_at
    if passed >= days * MICROS_PER_DAY:
        return "over", None
    return "running", max(0, passed // MICROS_PER_DAY) + 1

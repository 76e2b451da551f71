"""Campaigns of a deployment: created, here or beside serving, and measured."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.composition.application import Application, application
from api.composition.campaigns import check_installed, open_campaigns
from api.composition.registry import audit_trail
from api.process import Settings
from domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from adapters.campaigns import ObjectFlagRecords
    from api.process.creating import CampaignCreations
    from api.process.measurements import Measurements
    from domain.campaigns import (
        Campaign,
        CampaignWanted,
        Claim,
        CreateCampaign,
        MeasureExperiment,
        MeasureFlag,
        PreviewPower,
        ReadSpans,
    )
    from domain.decisions import Flag
    from domain.prediction import Traffic


def create_campaign(
    built: Application,
    wanted: "CampaignWanted",
    *,
    owner: str,
    claim: "Claim | None" = None,
    on_progress: Callable[[str, int, int], object] = lambda *_: None,
) -> "Campaign":
    """The campaign that is wanted, once it is there. With a `claim`, somebody holds the name.

    Raises:
        Rejected: the extra `campaigns` is not installed, or there cannot be such a campaign.
        NotFound: nobody ever bought in the category, or there is no such revision.
        Conflict: the name is taken, or somebody else creates it.
        Unavailable: the store did not answer in time, or no version serves.
        CorruptRecord: what is stored is none.
    """
    from domain.campaigns import CampaignOrder
    from domain.prediction import check_as_of

    creating = _creating(built)
    as_of = built.clock() if wanted.as_of is None else wanted.as_of
    check_as_of(as_of, now=built.clock())
    traffic = _traffic(built, wanted)
    settings = built.settings

    async def created() -> "Campaign":
        plan = await built.plan_audience(
            wanted.category,
            as_of=as_of,
            traffic=traffic,
            deadline_s=settings.batch_deadline_s,
            chosen=wanted.way,
        )
        order = CampaignOrder(
            name=wanted.name,
            owner=owner,
            category=wanted.category,
            as_of=as_of,
            traffic=traffic,
            policy=wanted.policy,
            currency=settings.currency,
            deadline_s=settings.audience_deadline_s,
            way=plan.way,
            suppressed=wanted.suppressed,
            expected=plan.customers,
        )
        return await creating(order, claim=claim, on_progress=on_progress)

    return asyncio.run(created())


def preview_power() -> "PreviewPower":
    """Says which lift a campaign will see; the first call imports SciPy, so not on an event loop.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    from domain.campaigns import PreviewPower

    check_installed("scipy")
    from adapters.statistics import ScipyStatistics

    return PreviewPower(statistics=ScipyStatistics())


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCampaignBeside:
    """A creation whose name is held, as a process of its own runs it."""

    settings: Settings
    wanted: "CampaignWanted"
    claim: "Claim"

    def __call__(self, tell: Callable[[object], object]) -> None:
        """The campaign is there. What is told is how far it is, as Progress."""
        from domain.campaigns import Progress

        def on_progress(step: str, done: int, total: int, /) -> None:
            tell(Progress(step=step, done=done, total=max(done, total)))

        with application(self.settings, batch=True) as built:
            owner = self.claim.owner
            create_campaign(
                built, self.wanted, owner=owner, claim=self.claim, on_progress=on_progress
            )


def campaign_creations(built: Application) -> "CampaignCreations":
    """What a server creates campaigns with, each in a process of its own."""
    from adapters.workers import OwnProcess
    from api.process.creating import CampaignCreations, prepared

    campaigns = open_campaigns(built.settings, members=False)

    async def prepare(wanted: "CampaignWanted") -> "CampaignWanted":
        check_installed("pyarrow", "scipy")
        return await prepared(
            wanted, clock=built.clock, traffic=built.audience_traffic, plan=built.plan_audience
        )

    return CampaignCreations(
        drafts=campaigns,
        campaigns=campaigns,
        audit=audit_trail(built.settings),
        prepare=prepare,
        work=lambda wanted, claim: CreateCampaignBeside(
            settings=built.settings, wanted=wanted, claim=claim
        ),
        beside=OwnProcess(),
        preview=preview_power,
        clock=built.clock,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureCampaignBeside:
    """A campaign measured and what was found kept, as a process of its own does it."""

    settings: Settings
    name: str
    days: int

    def __call__(self, tell: Callable[[object], object]) -> None:
        """What was found is kept; what is told is how many members are done.

        Raises:
            Unavailable: not every member could be read, so nothing was kept.
            CorruptRecord: what is stored is none.
        """
        from domain.campaigns import enrolled_of, experiment_of

        campaigns = open_campaigns(self.settings)
        campaign = campaigns.named(self.name)
        with application(self.settings, batch=True) as built:
            found = asyncio.run(
                measure_experiment(built)(
                    enrolled_of(campaign, campaigns.members(campaign)),
                    experiment_of(campaign, self.days),
                    on_progress=tell,
                )
            )
        if found.unread:
            raise StoreUnavailable(
                f"{found.unread:,} members could not be read before the deadline, so nothing was kept"
            )
        campaigns.keep(self.name, found)


def campaign_measurements(built: Application) -> "Measurements":
    """What a server measures campaigns with, each in a process of its own."""
    from adapters.workers import OwnProcess
    from api.process.measurements import Measurements

    return Measurements(
        work=lambda name, days: MeasureCampaignBeside(
            settings=built.settings, name=name, days=days
        ),
        beside=OwnProcess(),
        clock=built.clock,
    )


def _traffic(built: Application, wanted: "CampaignWanted") -> "Traffic":
    """The versions of the revision that is wanted, or of what serves now."""
    if wanted.revision is None:
        built.live.start()
        return built.audience_traffic(wanted.model)
    model = wanted.model or built.settings.audience_model or built.settings.model
    return built.traffic_at(model, wanted.revision)


def _creating(built: Application) -> "CreateCampaign":
    """Creates campaigns of a deployment.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    from adapters.campaigns import TemporarySpool
    from domain.campaigns import CreateCampaign

    check_installed("pyarrow", "scipy")
    from adapters.statistics import ScipyStatistics

    campaigns = open_campaigns(built.settings)
    return CreateCampaign(
        audience=built.audience,
        spans=_spans(built),
        drafts=campaigns,
        campaigns=campaigns,
        statistics=ScipyStatistics(),
        spool=TemporarySpool,
        clock=built.clock,
        retention=built.settings.retention.purchases,
    )


def measure_experiment(built: Application) -> "MeasureExperiment":
    """Measures what members of campaigns bought.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    check_installed("pyarrow", "scipy")
    from adapters.statistics import ScipyStatistics
    from domain.campaigns import MeasureExperiment

    return MeasureExperiment(
        spans=_spans(built),
        statistics=ScipyStatistics(),
        clock=built.clock,
        deadline_s=built.settings.audience_deadline_s,
    )


def measure_flag(built: Application, flag: "Flag") -> "MeasureFlag":
    """Measures what customers of a flag bought.

    Raises:
        Rejected: an extra is not installed, no decisions are logged, or only some of this flag's.
    """
    from api.composition.decision_log import open_decision_log
    from domain.campaigns import MeasureFlag
    from domain.errors import Rejected
    from domain.values import BUCKETS

    log = open_decision_log(built.settings)
    share = built.settings.logged_shares.get("flags", 0) if flag.log is None else flag.log
    if share < BUCKETS:
        raise Rejected(
            "PROPENSITY_DECISION_LOG_SHARES",
            f"logs {share / BUCKETS:.4g} of the answers of {flag.key}, each drawn for itself: who comes "
            "often is in the log more often, and what the flag shows may change who comes; log 100% of "
            "them, and measure from then on",
        )
    return MeasureFlag(log=log, measure=measure_experiment(built))


def flag_records(settings: Settings) -> "ObjectFlagRecords":
    """What was measured of flags, beside the campaigns."""
    from adapters.campaigns import ObjectFlagRecords
    from adapters.object_store import open_object_store

    return ObjectFlagRecords(open_object_store(settings.campaigns_location))


def _spans(built: Application) -> "ReadSpans":
    from domain.campaigns import ReadSpans

    return ReadSpans(recent=built.recent, history=built.history)

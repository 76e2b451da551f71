"""The first page: what needs somebody first, then who answers and how much is asked."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from api.console.documents.campaign import CampaignLine
from api.console.documents.live import LivePage, drift, live_page
from api.console.documents.operations import Queues
from api.console.documents.overview import (
    Attention,
    AttentionPage,
    Overview,
    at_once,
    of_dead_letters,
    of_doctor,
    of_drift,
    of_outcomes,
)
from api.console.kept import Kept
from api.console.pictures import WIDE, Drawn, drawn, warm
from api.console.rendering import AnyRequest, page, piece
from api.console.routes.campaigns import newest_of
from api.console.routes.live import DRIFT_FOR_S, outcomes_page
from api.console.routes.operations import DOCTOR
from api.console.signing_in import ROOT, may, seen_with
from api.console.traffic import TrafficReport, TrafficWatch
from api.http.services import Readiness
from api.pictures import Draws, Series, lines
from domain.campaigns import CampaignRecords, Campaigns
from domain.errors import CorruptRecord, NotFound, Unavailable
from domain.keys import Scope
from domain.outcomes import JoinOutcomes
from domain.values import Clock
from model_registry.registry import Registry
from model_registry.serving import Presence

_READ: dict[str, Any] = {"sync_to_thread": True, **seen_with(Scope.MODELS_READ)}
_CAMPAIGNS = 3
DEAD_FOR_S = 30.0
Ready = NamedDependency[SkipValidation[Readiness]]


@get("/", **_READ)
def overview(
    request: AnyRequest,
    readiness: Ready,
    registry: NamedDependency[Registry],
    presence: NamedDependency[Presence],
    campaigns: NamedDependency[SkipValidation[Campaigns]],
    campaign_records: NamedDependency[SkipValidation[CampaignRecords]],
    console_clock: NamedDependency[SkipValidation[Clock]],
    console_traffic: NamedDependency[SkipValidation[TrafficWatch | None]],
) -> Response[bytes]:
    """What needs somebody, who answers, how much is asked."""
    live = live_page(registry, presence, list(readiness.traffic))
    document = Overview(
        attention=_at_once(live, readiness),
        models=live.models,
        traffic=None if console_traffic is None else console_traffic.report(),
        campaigns=_newest(campaigns, campaign_records, console_clock())
        if may(request, Scope.AUDIENCE)
        else None,
    )
    return page(request, "overview.html", document)


@get("/attention", **_READ)
def attention(
    request: AnyRequest,
    readiness: Ready,
    registry: NamedDependency[Registry],
    presence: NamedDependency[Presence],
    console_kept: NamedDependency[SkipValidation[Kept]],
    console_join: NamedDependency[SkipValidation[JoinOutcomes | None]],
    console_queues: NamedDependency[SkipValidation[Queues]],
) -> Response[bytes]:
    """Everything that needs somebody, drift, outcomes and dead letters too."""
    live = live_page(registry, presence, list(readiness.traffic))
    found = _at_once(live, readiness)
    looked_at = ["what serves", "drift"]
    found += _drifting(live, registry, presence, console_kept)
    if console_join is not None:
        looked_at.append("outcomes")
        found += _outcomes(live, registry, console_kept, console_join)
    looked_at.append("dead letters")
    found += _dead_letters(console_queues, console_kept)
    examined = console_kept.fresh(DOCTOR)
    if examined is not None and not examined.problem:
        looked_at.append("what the doctor last found")
        found += of_doctor(examined.value)
    document = AttentionPage(found=sorted(found, key=lambda each: each.level), looked_at=looked_at)
    return piece(request, "attention.html", document, title="What needs somebody?")


@get("/traffic", **_READ)
def traffic(
    request: AnyRequest,
    console_traffic: NamedDependency[SkipValidation[TrafficWatch | None]],
    console_draws: NamedDependency[SkipValidation[Draws]],
) -> Response[bytes]:
    """How much was asked in the last hour, and how quickly it was answered."""
    if console_traffic is None:
        raise NotFound("requests are not counted: set PROPENSITY_METRICS_PORT")
    report = console_traffic.report()
    title = "Requests of the last hour"
    pictures = _pictures(console_draws, report)
    return piece(request, "traffic.html", report, title=title, pictures=pictures)


@get("/processes", **_READ)
def processes(
    request: AnyRequest,
    readiness: Ready,
    registry: NamedDependency[Registry],
    presence: NamedDependency[Presence],
    console_draws: NamedDependency[SkipValidation[Draws]],
) -> Response[bytes]:
    """How many processes serve which revision, for the foot of the navigation.

    While somebody reads their first page, the process that draws gets ready.
    """
    live = live_page(registry, presence, list(readiness.traffic))
    answer = piece(request, "processes.html", live, title="Processes")
    answer.background = BackgroundTask(warm, console_draws)
    return answer


OVERVIEW_ROUTES = (overview, attention, traffic, processes)


def _at_once(live: LivePage, readiness: Readiness) -> list[Attention]:
    problems = [(name, each) for name in readiness.traffic for each in readiness.problems(name)]
    return at_once(live.models, problems)


def _newest(campaigns: Campaigns, records: CampaignRecords, now: int) -> list[CampaignLine]:
    try:
        newest = campaigns.every()[:_CAMPAIGNS]
        return [CampaignLine.of(each, newest_of(each, records), now=now) for each in newest]
    except CorruptRecord:
        return []  # the page of campaigns says what is damaged


def _drifting(
    live: LivePage, registry: Registry, presence: Presence, kept: Kept
) -> Iterator[Attention]:
    for model in live.models:
        for version in model.answering:
            try:
                found = kept.once(
                    ("drift", model.name, version),
                    partial(drift, registry, presence, model.name, version),
                    for_s=DRIFT_FOR_S,
                )
            except NotFound:
                continue  # that the version is gone, the processes say
            yield from of_drift(found)


def _dead_letters(queues: Queues, kept: Kept) -> Iterator[Attention]:
    try:
        count = kept.once("dead letters", queues.dead, for_s=DEAD_FOR_S)
    except Unavailable as exc:
        yield Attention(
            level="warn",
            what=f"Nobody knows whether there are dead letters: {exc}",
            do="See whether the queue can be reached.",
            path=f"{ROOT}/operations",
        )
    else:
        yield from of_dead_letters(count)


def _outcomes(
    live: LivePage, registry: Registry, kept: Kept, join: JoinOutcomes
) -> Iterator[Attention]:
    for model in live.models:
        if model.answering:
            report = outcomes_page(registry, kept, join, model.name).report
            if report is not None:
                yield from of_outcomes(report)


def _pictures(draws: Draws, report: TrafficReport) -> list[Drawn]:
    rate = [(each.at, each.per_second) for each in report.course]
    quick = [
        Series("half of them within", [(each.at, _ms(each.p50_s)) for each in report.course]),
        Series("99 of 100 within", [(each.at, _ms(each.p99_s)) for each in report.course]),
    ]
    return [
        drawn(draws, lines([Series("answers", rate)], unit="answers per second"), wide=WIDE),
        drawn(draws, lines(quick, unit="milliseconds"), wide=WIDE),
    ]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1_000 * seconds

"""Campaigns: listed, looked at, handed to campaign tools, and measured."""

import shutil
from asyncio import to_thread
from datetime import UTC
from http import HTTPStatus
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeAlias

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import File

from api.console.documents.campaign import (
    CampaignCreating,
    CampaignLine,
    CampaignPage,
    CampaignResultsPage,
    CampaignsPage,
)
from api.console.pictures import drawn
from api.console.rendering import AnyRequest, done, fragment, html, page, piece, rendered
from api.console.routes.campaign_pictures import pictures_of
from api.console.services import CampaignFile
from api.console.signing_in import ROOT, seen_with
from api.console.wording import segment, when
from api.documents.campaign import CreationReport
from api.http.access import who_of
from api.http.parameters import decoded, whole_of
from api.pictures import Draws
from api.process.measurements import Measurements
from domain.audit import Act, AuditTrail, Target
from domain.campaigns import Campaign, CampaignRecords, CampaignResults, Campaigns, CreationState
from domain.errors import InvalidRequest, NotFound, Rejected
from domain.keys import Scope
from domain.values import Clock, instant

CAMPAIGNS = f"{ROOT}/campaigns"
MOST, MOST_LOOKS = 50, 60
MAX_BODY_BYTES = 10_000
MAX_DAYS = 365
KINDS = {
    "klaviyo": "Klaviyo",
    "braze": "Braze",
    "mailchimp": "Mailchimp",
    "customerio": "Customer.io",
    "excel": "Excel",
    "csv": "CSV",
    "ndjson": "NDJSON",
    "parquet": "Parquet",
}
"""Files by what they are for."""
_ONE = "/campaigns/{name:str}"
Frozen: TypeAlias = NamedDependency[SkipValidation[Campaigns]]
Records: TypeAlias = NamedDependency[SkipValidation[CampaignRecords]]
Now: TypeAlias = NamedDependency[SkipValidation[Clock]]
Measuring: TypeAlias = NamedDependency[SkipValidation[Measurements]]


@get("/campaigns", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign_list(
    request: AnyRequest, campaigns: Frozen, campaign_records: Records, console_clock: Now
) -> Response[bytes]:
    """The newest campaigns, each with its result in one line."""
    every, now = campaigns.every(), console_clock()
    lines = [
        CampaignLine.of(each, newest_of(each, campaign_records), now=now) for each in every[:MOST]
    ]
    document = CampaignsPage(campaigns=lines, more=max(0, len(every) - MOST))
    return page(request, "campaigns.html", document)


@get(_ONE, sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign(  # what the page shows
    name: FromPath[str],
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    console_measurements: Measuring,
    console_clock: Now,
) -> Response[bytes]:
    """One campaign; while it is being created, how far that is."""
    wanted = decoded(name, "name")
    try:
        found = campaigns.named(wanted)
    except NotFound:
        return _creating(request, campaigns, wanted, console_clock())
    return page(
        request,
        "campaign.html",
        _page_of(found, campaign_records, console_measurements, console_clock),
        kinds=KINDS,
    )


@get(_ONE + "/results", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign_results(
    name: FromPath[str],
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    console_draws: NamedDependency[SkipValidation[Draws]],
) -> Response[bytes]:
    """What was measured, with pictures."""
    found = campaigns.named(decoded(name, "name"))
    measured = campaign_records.measured(found.name)
    if not measured:
        raise NotFound(f"campaign {found.name} was never measured; measure it on its page")
    looks = [campaign_records.results(found.name, at) for at in measured[-MOST_LOOKS:]]
    document = CampaignResultsPage.of(found, looks, older=len(measured) - len(looks))
    pictures = {
        key: drawn(console_draws, picture, wide=width)
        for key, (picture, width) in pictures_of(found, document).items()
    }
    return piece(
        request,
        "campaign_results_piece.html",
        document,
        title=f"Results of {found.name}",
        category=found.category,
        pictures=pictures,
    )


@get(_ONE + "/measuring", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign_measuring(
    name: FromPath[str], request: AnyRequest, campaigns: Frozen, console_measurements: Measuring
) -> Response[bytes]:
    """How far a measurement is; once it is over, the page is asked for again."""
    found = campaigns.named(decoded(name, "name"))
    state = console_measurements.state(found.name)
    answer = fragment(
        request, "campaign_measuring_piece.html", address=path_of(found.name), measuring=state
    )
    if state is None or state.over:
        answer.headers["HX-Refresh"] = "true"
    return answer


@get(_ONE + "/creating", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign_creating(
    name: FromPath[str], request: AnyRequest, campaigns: Frozen, console_clock: Now
) -> Response[bytes]:
    """How far a creation is; once it is over, the page is asked for again."""
    wanted = decoded(name, "name")
    creation = campaigns.creation(wanted)
    seen = None if creation is None else creation.seen_at(console_clock())
    if seen is None or seen.state is not CreationState.CREATING:
        answer = html("")
        answer.headers["HX-Refresh"] = "true"
        return answer
    return fragment(
        request,
        "campaign_creating_piece.html",
        address=path_of(wanted),
        creation=CreationReport.of(seen),
    )


@get(_ONE + "/file", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign_file(
    name: FromPath[str],
    request: AnyRequest,
    campaigns: Frozen,
    console_campaign_file: NamedDependency[SkipValidation[CampaignFile]],
) -> Response[Any]:
    """The members for a campaign tool: always the same people, without those held out."""
    found = campaigns.named(decoded(name, "name"))
    kind = request.query_params.get("for", "csv")
    if kind not in KINDS:
        raise InvalidRequest("for", f"must be one of {', '.join(KINDS)}, not {kind!r:.60}")
    folder = Path(mkdtemp(prefix="propensity-campaign-"))
    try:
        path = console_campaign_file(found, kind, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return File(
        path,
        filename=path.name,
        media_type="application/octet-stream",
        content_disposition_type="attachment",
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


@post(_ONE + "/measure", request_max_body_size=MAX_BODY_BYTES, **seen_with(Scope.CAMPAIGNS_MANAGE))
async def measure_campaign(
    name: FromPath[str], request: AnyRequest, campaigns: Frozen, console_measurements: Measuring
) -> Response[Any]:
    """Begins to measure; the page says how far it is."""
    typed = str((await request.form()).get("days", "")).strip()
    days = whole_of(typed or None, "days", most=MAX_DAYS, default=30)
    found = await _named(campaigns, decoded(name, "name"))
    console_measurements.start(found.name, days=days, members=found.size)
    return done(request, path_of(found.name), "Measuring has begun. It goes on when you leave.")


@post(_ONE + "/sent", request_max_body_size=MAX_BODY_BYTES, **seen_with(Scope.CAMPAIGNS_MANAGE))
async def campaign_sent(  # what the act needs
    name: FromPath[str],
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    console_measurements: Measuring,
    console_clock: Now,
    audit: NamedDependency[SkipValidation[AuditTrail]],
) -> Response[Any]:
    """The campaign was sent; from then on purchases count."""
    typed = str((await request.form()).get("at", "")).strip()
    found = await _named(campaigns, decoded(name, "name"))
    try:
        at = _sent_at(typed, found, console_clock())
        async with audit.act_async(who_of(request), Act.SEND_CAMPAIGN, Target.CAMPAIGN, found.name):
            await to_thread(campaign_records.mark_sent, found.name, at)
    except Rejected as exc:
        document = await to_thread(
            _page_of, found, campaign_records, console_measurements, console_clock
        )
        text = await to_thread(
            rendered,
            request,
            "campaign.html",
            page=document,
            kinds=KINDS,
            typed_at=typed,
            wrong_at=exc.reason,
        )
        return html(text, status=HTTPStatus.BAD_REQUEST)
    return done(request, path_of(found.name), f"Sent at {when(at)}: purchases count from then on.")


CAMPAIGN_ROUTES = (
    campaign_list,
    campaign,
    campaign_results,
    campaign_measuring,
    campaign_creating,
    campaign_file,
    measure_campaign,
    campaign_sent,
)


def path_of(name: str) -> str:
    """Where the page of a campaign is."""
    return f"{CAMPAIGNS}/{segment(name)}"


def newest_of(campaign: Campaign, records: CampaignRecords) -> CampaignResults | None:
    """The newest result; None: it was never measured."""
    measured = records.measured(campaign.name)
    return records.results(campaign.name, measured[-1]) if measured else None


def _page_of(
    found: Campaign, records: CampaignRecords, measurements: Measurements, clock: Clock
) -> CampaignPage:
    return CampaignPage.of(
        found, newest_of(found, records), measurements.state(found.name), now=clock()
    )


async def _named(campaigns: Campaigns, name: str) -> Campaign:
    return await to_thread(campaigns.named, name)


def _sent_at(typed: str, campaign: Campaign, now: int) -> int:
    """The instant that was typed as UTC, or now where nothing was.

    Raises:
        InvalidRequest: it is none, or lies before the scores or in the future.
    """
    at = now
    if typed:
        try:
            at = instant.parse(typed, zone=UTC)
        except ValueError as exc:
            raise InvalidRequest("at", f"{exc}, not {typed[:60]!r}") from exc
    if at < campaign.as_of:
        raise InvalidRequest("at", f"lies before the scores, of {when(campaign.as_of)}")
    if at > now:
        raise InvalidRequest("at", "lies in the future: say it once the campaign was sent")
    return at


def _creating(request: AnyRequest, campaigns: Campaigns, name: str, now: int) -> Response[bytes]:
    creation = campaigns.creation(name)
    if creation is None:
        raise NotFound(f"there is no campaign {name!r}, and nobody creates it")
    document = CampaignCreating(creation=CreationReport.of(creation.seen_at(now)))
    return page(request, "campaign_creating.html", document, address=path_of(name))

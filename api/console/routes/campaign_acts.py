"""What is done with a campaign: files for tools, measured, said to be sent, and deleted."""

import shutil
from asyncio import to_thread
from datetime import UTC
from http import HTTPStatus
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import File

from api.console.documents.campaign import CampaignToDelete
from api.console.rendering import AnyRequest, done, html, page, rendered
from api.console.routes.campaigns import (
    CAMPAIGNS,
    KINDS,
    ONE,
    Frozen,
    Measuring,
    Now,
    Records,
    page_of,
    path_of,
)
from api.console.services import CampaignFile
from api.console.signing_in import seen_with
from api.console.wording import when
from api.http.access import who_of
from api.http.parameters import decoded, whole_of
from domain.audit import Act, AuditTrail, Target
from domain.campaigns import Campaign, Campaigns
from domain.errors import InvalidRequest, Rejected
from domain.keys import Scope
from domain.values import instant

MAX_BODY_BYTES = 10_000
MAX_DAYS = 365


@get(ONE + "/file", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign_file(
    name: FromPath[str],
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    console_measurements: Measuring,
    console_clock: Now,
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
    except BaseException as exc:
        shutil.rmtree(folder, ignore_errors=True)
        if not isinstance(exc, Rejected):
            raise
        text = rendered(
            request,
            "campaign.html",
            page=page_of(found, campaign_records, console_measurements, console_clock),
            kinds=KINDS,
            no_file=f"{KINDS[kind]} cannot have this file: {exc.reason}",
        )
        return html(text, status=HTTPStatus.BAD_REQUEST)
    return File(
        path,
        filename=path.name,
        media_type="application/octet-stream",
        content_disposition_type="attachment",
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


@post(ONE + "/measure", request_max_body_size=MAX_BODY_BYTES, **seen_with(Scope.CAMPAIGNS_MANAGE))
async def measure_campaign(
    name: FromPath[str], request: AnyRequest, campaigns: Frozen, console_measurements: Measuring
) -> Response[Any]:
    """Begins to measure; the page says how far it is."""
    typed = str((await request.form()).get("days", "")).strip()
    days = whole_of(typed or None, "days", most=MAX_DAYS, default=30)
    found = await _named(campaigns, decoded(name, "name"))
    console_measurements.start(found.name, days=days, members=found.size)
    return done(request, path_of(found.name), "Measuring has begun. It goes on when you leave.")


@post(ONE + "/sent", request_max_body_size=MAX_BODY_BYTES, **seen_with(Scope.CAMPAIGNS_MANAGE))
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
            page_of, found, campaign_records, console_measurements, console_clock
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


@get(ONE + "/delete", sync_to_thread=True, **seen_with(Scope.CAMPAIGNS_MANAGE))
def ask_to_delete(name: FromPath[str], request: AnyRequest, campaigns: Frozen) -> Response[bytes]:
    """What a deletion does, and a field for the campaign's name."""
    found = campaigns.named(decoded(name, "name"))
    return page(request, "campaign_delete.html", _to_delete(found))


@post(ONE + "/delete", request_max_body_size=MAX_BODY_BYTES, **seen_with(Scope.CAMPAIGNS_MANAGE))
async def delete_campaign(
    name: FromPath[str],
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    audit: NamedDependency[SkipValidation[AuditTrail]],
) -> Response[Any]:
    """The campaign is deleted for good, once its name was typed."""
    typed = str((await request.form()).get("typed", "")).strip()
    found = await _named(campaigns, decoded(name, "name"))
    if typed != found.name:
        wrong = "this is not the campaign's name" if typed else "type the campaign's name"
        text = rendered(request, "campaign_delete.html", page=_to_delete(found, wrong))
        return html(text, status=HTTPStatus.BAD_REQUEST)
    async with audit.act_async(who_of(request), Act.DELETE_CAMPAIGN, Target.CAMPAIGN, found.name):
        await to_thread(campaign_records.delete, found.name, audit.clock())
    return done(request, CAMPAIGNS, f"{found.name} is deleted, with its members and results.")


CAMPAIGN_ACTS = (campaign_file, measure_campaign, campaign_sent, ask_to_delete, delete_campaign)


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
    campaign.check_sent_at(at)
    if at > now:
        raise InvalidRequest("at", "lies in the future: say it once the campaign was sent")
    return at


def _to_delete(campaign: Campaign, wrong: str | None = None) -> CampaignToDelete:
    return CampaignToDelete(
        name=campaign.name, members=campaign.size, sent_at=campaign.sent_at, wrong=wrong
    )

"""Campaigns: listed, and each with its people, state and results."""

from typing import TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from api.console.documents.campaign import (
    CampaignCreating,
    CampaignLine,
    CampaignPage,
    CampaignResultsPage,
    CampaignsPage,
    FlagLine,
)
from api.console.pictures import drawn
from api.console.rendering import AnyRequest, fragment, html, page, piece
from api.console.routes.campaign_pictures import pictures_of
from api.console.routes.flags import newest_of_flag
from api.console.signing_in import ROOT, seen_with
from api.console.wording import segment
from api.documents.campaign import CreationReport
from api.http.parameters import decoded
from api.http.services import Deciding
from api.pictures import Draws
from api.process.measurements import Measurements
from domain.campaigns import (
    Campaign,
    CampaignRecords,
    CampaignResults,
    Campaigns,
    CreationState,
    FlagRecords,
)
from domain.errors import NotFound
from domain.keys import Scope
from domain.values import Clock

CAMPAIGNS = f"{ROOT}/campaigns"
MOST, MOST_LOOKS = 50, 60
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
ONE = "/campaigns/{name:str}"
Frozen: TypeAlias = NamedDependency[SkipValidation[Campaigns]]
Records: TypeAlias = NamedDependency[SkipValidation[CampaignRecords]]
Now: TypeAlias = NamedDependency[SkipValidation[Clock]]
FlagsMeasured: TypeAlias = NamedDependency[SkipValidation[FlagRecords]]
Measuring: TypeAlias = NamedDependency[SkipValidation[Measurements]]


@get("/campaigns", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def campaign_list(  # what the page shows
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    flag_records: FlagsMeasured,
    deciding: NamedDependency[SkipValidation[Deciding]],
    console_clock: Now,
) -> Response[bytes]:
    """The newest campaigns, and flags that hold out, each with its result in one line."""
    every, now = campaigns.every(), console_clock()
    lines = [
        CampaignLine.of(each, newest_of(each, campaign_records), now=now) for each in every[:MOST]
    ]
    flags = [
        FlagLine.of(flag, newest_of_flag(flag.key, flag_records))
        for flag in deciding.decide.flags.values()
        if flag.holdout
    ]
    document = CampaignsPage(campaigns=lines, flags=flags, more=max(0, len(every) - MOST))
    return page(request, "campaigns.html", document)


@get(ONE, sync_to_thread=True, **seen_with(Scope.AUDIENCE))
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
        page_of(found, campaign_records, console_measurements, console_clock),
        kinds=KINDS,
    )


@get(ONE + "/results", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
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


@get(ONE + "/measuring", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
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


@get(ONE + "/creating", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
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


CAMPAIGN_ROUTES = (campaign_list, campaign, campaign_results, campaign_measuring, campaign_creating)


def path_of(name: str) -> str:
    """Where the page of a campaign is."""
    return f"{CAMPAIGNS}/{segment(name)}"


def newest_of(campaign: Campaign, records: CampaignRecords) -> CampaignResults | None:
    """The newest result; None: it was never measured."""
    measured = records.measured(campaign.name)
    return records.results(campaign.name, measured[-1]) if measured else None


def page_of(
    found: Campaign, records: CampaignRecords, measurements: Measurements, clock: Clock
) -> CampaignPage:
    """The page's document, as it is now."""
    return CampaignPage.of(
        found, newest_of(found, records), measurements.state(found.name), now=clock()
    )


def _creating(request: AnyRequest, campaigns: Campaigns, name: str, now: int) -> Response[bytes]:
    creation = campaigns.creation(name)
    if creation is None:
        raise NotFound(f"there is no campaign {name!r}, and nobody creates it")
    document = CampaignCreating(creation=CreationReport.of(creation.seen_at(now)))
    return page(request, "campaign_creating.html", document, address=path_of(name))

"""Campaigns and their results, to be read. The command line creates and measures them."""

from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, SkipValidation

from api.documents.campaign import CampaignList, CampaignReport, ResultsReport
from api.http.access import asks
from api.http.openapi import problems
from api.http.parameters import check_names, decoded
from api.http.problems import AnyRequest
from domain.campaigns import CampaignRecords, Campaigns
from domain.errors import NotFound
from domain.keys import Scope

_READ: dict[str, Any] = asks(Scope.AUDIENCE) | {"tags": ["campaigns"], "sync_to_thread": True}
_ONE = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
Name = Annotated[
    str,
    PathParameter(
        description="The campaign's name.", schema_extra={"pattern": r"^[a-z0-9][a-z0-9._-]{0,62}$"}
    ),
]
Frozen: TypeAlias = NamedDependency[SkipValidation[Campaigns]]


@get(
    "/v1/campaigns",
    operation_id="listCampaigns",
    summary="Every campaign",
    description="The newest first. `propensity campaign create` creates one.",
    response_description="The campaigns; none of their members is named.",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    **_READ,
)
def list_campaigns(request: AnyRequest, campaigns: Frozen) -> CampaignList:
    """Every campaign, the newest first."""
    check_names(request.query_params, ())
    return CampaignList(campaigns=[CampaignReport.of(each) for each in campaigns.every()])


@get(
    "/v1/campaigns/{name:str}",
    operation_id="showCampaign",
    summary="One campaign: its policy, its arms, and which lift it will see",
    response_description="The campaign; none of its members is named.",
    responses=_ONE,
    **_READ,
)
def show_campaign(name: Name, request: AnyRequest, campaigns: Frozen) -> CampaignReport:
    """One campaign."""
    check_names(request.query_params, ())
    return CampaignReport.of(campaigns.named(decoded(name, "name")))


@get(
    "/v1/campaigns/{name:str}/results",
    operation_id="showCampaignResults",
    summary="What was last measured of a campaign",
    description="`propensity campaign results` measures it: run that daily. A 404 until then.",
    response_description="The newest results that were kept.",
    responses=_ONE,
    **_READ,
)
def show_results(
    name: Name,
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: NamedDependency[SkipValidation[CampaignRecords]],
) -> ResultsReport:
    """The newest results of one campaign."""
    check_names(request.query_params, ())
    campaign = campaigns.named(decoded(name, "name"))
    measured = campaign_records.measured(campaign.name)
    if not measured:
        raise NotFound(
            f"campaign {campaign.name} was never measured; run `propensity campaign results "
            f"{campaign.name}`"
        )
    return ResultsReport.of(campaign, campaign_records.results(campaign.name, measured[-1]))


CAMPAIGN_ROUTES = (list_campaigns, show_campaign, show_results)

"""Campaigns: created beside serving, read, handed to tools, and their results."""

from http import HTTPStatus
from typing import Annotated, Any, TypeAlias, cast

from litestar import HttpMethod, Response, get, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, SkipValidation

from api.documents.campaign import (
    CampaignList,
    CampaignReport,
    CampaignSent,
    CampaignToDelete,
    CreationReport,
    NewCampaign,
    PowerReport,
)
from api.documents.campaign_results import FlagResultsReport, ResultsReport
from api.http.access import PUBLIC, asks, who_of
from api.http.openapi import problems
from api.http.parameters import check_names, decoded, documented, probability_of, whole_of
from api.http.problems import AnyRequest, ProblemRaised, problem
from api.http.services import Audiences, Deciding
from api.process.creating import CampaignCreations
from domain.audit import Act, AuditTrail, Target
from domain.campaigns import CampaignRecords, Campaigns, Creation, CreationState, FlagRecords
from domain.errors import InvalidRequest, NotFound
from domain.keys import Scope
from domain.prediction import check_as_of
from domain.values import basis_points_of

CAMPAIGNS = "/v1/campaigns"
MAX_BODY_BYTES = 8_000_000
LOOK_AGAIN_S = 2
_READ: dict[str, Any] = asks(Scope.AUDIENCE) | {"tags": ["campaigns"], "sync_to_thread": True}
_CHANGE: dict[str, Any] = asks(Scope.CAMPAIGNS_MANAGE) | {
    "tags": ["campaigns"],
    "sync_to_thread": True,
    "request_max_body_size": 20_000,
}
_CHANGED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_ONE = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
Name = Annotated[
    str,
    PathParameter(
        description="The campaign's name.", schema_extra={"pattern": r"^[a-z0-9][a-z0-9._-]{0,62}$"}
    ),
]
Frozen: TypeAlias = NamedDependency[SkipValidation[Campaigns]]
Records: TypeAlias = NamedDependency[SkipValidation[CampaignRecords]]
Audit: TypeAlias = NamedDependency[SkipValidation[AuditTrail]]


@get(
    CAMPAIGNS,
    operation_id="listCampaigns",
    summary="Every campaign",
    description="The newest first. Those that are being created are not among them.",
    response_description="The campaigns; none of their members is named.",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    **_READ,
)
def list_campaigns(request: AnyRequest, campaigns: Frozen) -> CampaignList:
    """Every campaign, the newest first."""
    check_names(request.query_params, ())
    return CampaignList(campaigns=[CampaignReport.of(each) for each in campaigns.every()])


@post(
    CAMPAIGNS,
    operation_id="createCampaign",
    summary="Create a campaign",
    description="Its members are scored, drawn into arms and frozen, which takes seconds to minutes. "
    "Nobody is contacted. Ask its Location until it is a 200. The name is held meanwhile; where the "
    "creation fails it is free again.",
    tags=["campaigns"],
    status_code=HTTPStatus.ACCEPTED,
    request_max_body_size=MAX_BODY_BYTES,
    response_description="It is being created.",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    **asks(Scope.CAMPAIGNS_MANAGE),
)
async def create_campaign(
    data: JSONBody[NewCampaign],
    request: AnyRequest,
    campaign_creations: NamedDependency[SkipValidation[CampaignCreations]],
) -> Response[CreationReport]:
    """The creation, which goes on."""
    check_names(request.query_params, ())
    return _under_way(await campaign_creations.start(data.wanted(), who_of(request)))


def _under_way(creation: Creation) -> Response[CreationReport]:
    headers = {"Location": f"{CAMPAIGNS}/{creation.claim.name}", "Retry-After": str(LOOK_AGAIN_S)}
    report = CreationReport.of(creation)
    return Response(report, status_code=HTTPStatus.ACCEPTED, headers=headers)


@get(
    "/v1/campaigns/{name:str}",
    operation_id="showCampaign",
    summary="One campaign: its policy, its arms, and which lift it will see",
    description="A 202 while it is being created. Where that failed, a 404 of the type "
    "`campaign-not-created` says why.",
    response_description="The campaign; none of its members is named.",
    **_READ,
    responses=_ONE
    | {
        HTTPStatus.ACCEPTED: ResponseSpec(
            CreationReport, description="It is being created.", generate_examples=False
        )
    },
)
def show_campaign(
    name: Name,
    request: AnyRequest,
    campaigns: Frozen,
    audiences: NamedDependency[SkipValidation[Audiences]],
) -> Response[CampaignReport]:
    """One campaign."""
    check_names(request.query_params, ())
    wanted = decoded(name, "name")
    try:
        return Response(CampaignReport.of(campaigns.named(wanted)))
    except NotFound:
        found = campaigns.creation(wanted)
        if found is None:
            raise
    creation = found.seen_at(audiences.clock())
    if creation.state is CreationState.FAILED:
        detail = f"campaign {wanted} was not created: {creation.reason}"
        raise ProblemRaised(problem(HTTPStatus.NOT_FOUND, "campaign-not-created", detail))
    return cast("Response[CampaignReport]", _under_way(creation))


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


@route(
    CAMPAIGNS,
    http_method=[HttpMethod.OPTIONS],
    include_in_schema=False,
    status_code=HTTPStatus.NO_CONTENT,
    **PUBLIC,
)
async def campaign_methods() -> Response[None]:
    """What the path can; Litestar's own answer knows the methods of its first handler alone."""
    return Response(
        None, status_code=HTTPStatus.NO_CONTENT, headers={"Allow": "GET, OPTIONS, POST"}
    )


@get(
    "/v1/flags/{key:str}/results",
    operation_id="showFlagResults",
    summary="What was last measured of a flag that holds customers out",
    description="`propensity flags results` measures it: run that daily. A 404 until then.",
    response_description="The newest results that were kept.",
    responses=_ONE,
    **_READ,
)
def show_flag_results(
    key: Annotated[str, PathParameter(description="The flag's key.")],
    request: AnyRequest,
    deciding: NamedDependency[SkipValidation[Deciding]],
    flag_records: NamedDependency[SkipValidation[FlagRecords]],
    currency: NamedDependency[str],
) -> FlagResultsReport:
    """The newest results of one flag."""
    check_names(request.query_params, ())
    flag = deciding.decide.named(decoded(key, "key"))
    return FlagResultsReport.of(flag_records.newest(flag.key), currency)


@post(
    "/v1/campaigns/{name:str}/sent",
    operation_id="markCampaignSent",
    summary="Say when a campaign was sent",
    description="Purchases count from then on. It is said once; the same again is safe.",
    status_code=HTTPStatus.OK,
    response_description="The campaign; none of its members is named.",
    responses=_CHANGED,
    **_CHANGE,
)
def mark_sent(  # noqa: PLR0913, PLR0917  # what Litestar fills in
    name: Name,
    data: JSONBody[CampaignSent],
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    audit: Audit,
) -> CampaignReport:
    """The campaign, sent."""
    check_names(request.query_params, ())
    campaign = campaigns.named(decoded(name, "name"))
    now, wanted = audit.clock(), data.instant()
    at = now if wanted is None else wanted
    check_as_of(at, now=now)
    campaign.check_sent_at(at)
    with audit.act(who_of(request), Act.SEND_CAMPAIGN, Target.CAMPAIGN, campaign.name):
        campaign_records.mark_sent(campaign.name, at)
    return CampaignReport.of(campaigns.named(campaign.name))


@post(
    "/v1/campaigns/{name:str}/delete",
    operation_id="deleteCampaign",
    summary="Delete a campaign for good",
    description="Its members, its results, and that anybody was contacted. `confirm` is its name once "
    "more. The name is never free again.",
    status_code=HTTPStatus.OK,
    response_description="What was deleted.",
    responses=_CHANGED,
    **_CHANGE,
)
def delete_campaign(  # noqa: PLR0913, PLR0917  # what Litestar fills in
    name: Name,
    data: JSONBody[CampaignToDelete],
    request: AnyRequest,
    campaigns: Frozen,
    campaign_records: Records,
    audit: Audit,
) -> CampaignReport:
    """The campaign that was deleted."""
    check_names(request.query_params, ())
    campaign = campaigns.named(decoded(name, "name"))
    if data.confirm != campaign.name:
        raise InvalidRequest("confirm", "must be the campaign's name once more")
    with audit.act(who_of(request), Act.DELETE_CAMPAIGN, Target.CAMPAIGN, campaign.name):
        campaign_records.delete(campaign.name, audit.clock())
    return CampaignReport.of(campaign)


@get(
    "/v1/campaign-power",
    operation_id="previewCampaignPower",
    summary="Which lift a campaign will see, before it is created",
    description="Nothing is read. A hold-out of 10 % of 8,000 members sees less than one of 50 %.",
    tags=["campaigns"],
    response_description="The lift that four of five such campaigns see.",
    responses=problems(HTTPStatus.BAD_REQUEST),
    **asks(Scope.AUDIENCE),
)
async def preview_power(
    request: AnyRequest,
    campaign_creations: NamedDependency[SkipValidation[CampaignCreations]],
    *,
    members: Annotated[
        str, documented("Members of the campaign.", type="integer", minimum=1, maximum=999_999_999)
    ],
    rate: Annotated[
        str,
        documented("How many buy without it: from 0 to 1.", type="number", minimum=0, maximum=1),
    ],
    holdout: Annotated[
        str | None,
        documented(
            "Share held out, such as 0.1 (the default) or 10%.",
            type="string",
            examples=["10%"],
            pattern=r"^(0(\.\d{1,4})?|\d{1,2}(\.\d{1,2})?%)$",
        ),
    ] = None,
) -> PowerReport:
    """The lift that will be seen."""
    check_names(request.query_params, ("members", "holdout", "rate"))
    try:
        points = basis_points_of("10%" if holdout is None else holdout)
    except ValueError as exc:
        raise InvalidRequest("holdout", str(exc)) from exc
    return PowerReport.of(
        await campaign_creations.power(
            members=whole_of(members, "members", most=999_999_999, default=0),
            holdout=points,
            rate=probability_of(rate, "rate", 0.0),
        )
    )


CAMPAIGN_ROUTES = (
    show_flag_results,
    delete_campaign,
    mark_sent,
    preview_power,
    campaign_methods,
    list_campaigns,
    create_campaign,
    show_campaign,
    show_results,
)

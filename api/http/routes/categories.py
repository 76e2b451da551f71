"""Who in this category is likely to buy?"""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import PathParameter, SkipValidation
from litestar.response import Stream

from api.documents.audience import (
    AudienceMembers,
    Categories,
    CategorySize,
    MemberPropensity,
    PageSummary,
)
from api.documents.prediction import ModelUsed
from api.http.access import asks
from api.http.cursor import CursorState, fingerprint
from api.http.negotiation import negotiated
from api.http.openapi import (
    AUDIENCE,
    CSV,
    JSON,
    MAX_PAGE,
    NDJSON,
    PAGE,
    PRINTABLE,
    AudienceOperation,
    problems,
)
from api.http.parameters import (
    AsOf,
    Cursor,
    Limit,
    MaxProbability,
    MinProbability,
    Model,
    Way,
    check_names,
    instant_of,
    name_in,
    one_of,
    probability_of,
    whole_of,
)
from api.http.problems import AnyRequest, domain_problem, unexpected_problem
from api.http.services import Audiences
from api.http.streams import (
    Filters,
    StreamBroken,
    begun,
    closed,
    comma_separated,
    failure_line,
    gone,
    ndjson,
)
from domain.audience import AudiencePage, AudienceQuery, ReadWay
from domain.categories import CategoryIndex
from domain.errors import InvalidRequest, PropensityError
from domain.keys import Scope
from domain.prediction import Traffic, check_as_of
from domain.purchases import MAX_CATEGORY_BYTES
from domain.values import instant

_KNOWN = ("model", "as_of", "min_probability", "max_probability", "limit", "cursor", "way")
_CLIENT_LEFT = 499
"""For the logs only: nobody is there to read it. Source: nginx."""
_VARY = {"Vary": "Accept"}


@get(
    "/v1/categories",
    operation_id="listCategories",
    summary="Every category",
    description="Ascending, with an approximate number of customers, kept as they buy: no purchases are read.",
    tags=["audience"],
    response_description="The categories.",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    **asks(Scope.AUDIENCE),
)
async def categories(
    request: AnyRequest, index: NamedDependency[SkipValidation[CategoryIndex]]
) -> Categories:
    """Every category ever bought in."""
    check_names(request.query_params, ())
    found = await index.categories()
    return Categories(
        categories=[
            CategorySize(category=category, approximate_customers=size.customers)
            for category, size in found.items()
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """What a request asks of a category's audience, whatever the form of the answer."""

    category: str
    filters: Filters
    as_of: int | None
    traffic: Traffic

    @property
    def fingerprint(self) -> bytes:
        filters = self.filters
        return fingerprint(self.category, filters.min_probability, filters.max_probability)


@get(
    "/v1/categories/{category:str}/propensities",
    operation_id="listPropensities",
    operation_class=AudienceOperation,
    summary="Every customer of a category with their propensity to buy",
    description=AUDIENCE,
    tags=["audience"],
    response_description="One page, or the whole audience as a stream.",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    **asks(Scope.AUDIENCE),
)
async def propensities(  # noqa: PLR0913  # one argument per documented parameter
    category: Annotated[
        str,
        PathParameter(
            description=f"Percent-encoded, a slash too. At most {MAX_CATEGORY_BYTES} bytes of "
            "printable UTF-8.",
            examples=[Example(value="jewellery")],
            schema_extra={"pattern": PRINTABLE, "max_length": MAX_CATEGORY_BYTES},
        ),
    ],
    request: AnyRequest,
    audiences: NamedDependency[Audiences],
    *,
    model: Model = None,
    as_of: AsOf = None,
    min_probability: MinProbability = None,
    max_probability: MaxProbability = None,
    limit: Limit = None,
    cursor: Cursor = None,
    way: Way = None,
) -> Response[AudienceMembers]:
    """One page of the audience, or all of it as a stream."""
    check_names(request.query_params, _KNOWN)
    media_type = negotiated(request.headers.getall("accept", []), (JSON, NDJSON, CSV))
    selection = _Selection(
        category=name_in(category, "category", MAX_CATEGORY_BYTES),
        filters=_filters(min_probability, max_probability),
        as_of=instant_of(as_of),
        traffic=audiences.traffic(model),
    )
    if media_type == JSON:
        if way is not None:
            raise InvalidRequest("way", f"belongs to streams; pages of {JSON} are read by batch")
        most = whole_of(limit, "limit", most=MAX_PAGE, default=PAGE)
        return await _page(audiences, selection, most=most, cursor=cursor)
    for name, value in (("limit", limit), ("cursor", cursor)):
        if value is not None:
            raise InvalidRequest(name, f"belongs to pages of {JSON}; {media_type} has none")
    return await _stream(audiences, selection, request, media_type, way=one_of(way, ReadWay, "way"))


def _filters(min_probability: str | None, max_probability: str | None) -> Filters:
    filters = Filters(
        probability_of(min_probability, "min_probability", 0.0),
        probability_of(max_probability, "max_probability", 1.0),
    )
    if filters.min_probability > filters.max_probability:
        raise InvalidRequest("min_probability", "is greater than max_probability")
    return filters


def _as_of(audiences: Audiences, selection: _Selection) -> int:
    now = audiences.clock()
    if selection.as_of is None:
        return now
    check_as_of(selection.as_of, now=now)
    return selection.as_of


async def _page(
    audiences: Audiences, selection: _Selection, *, most: int, cursor: str | None
) -> Response[AudienceMembers]:
    place = _place(audiences, selection, cursor)
    if cursor is None:
        await audiences.plan.size_of(selection.category)  # a mistyped one is not an empty one
    page = await audiences.score.page(
        AudienceQuery(
            category=selection.category,
            as_of=place.as_of,
            traffic=selection.traffic,
            deadline_s=audiences.page_deadline_s,
        ),
        position=place.position,
        most=most,
    )
    following = None if page.following is None else audiences.cursors.seal(place.at(page.following))
    return Response(_members(selection, place, page, following), headers=_VARY)


def _place(audiences: Audiences, selection: _Selection, cursor: str | None) -> CursorState:
    traffic = selection.traffic
    if cursor is None:
        as_of = _as_of(audiences, selection)
        return CursorState(selection.fingerprint, as_of, traffic.name, traffic.label)
    place = audiences.cursors.open(cursor, selection=selection.fingerprint, traffic=traffic)
    if selection.as_of not in {None, place.as_of}:
        raise InvalidRequest("as_of", "is not that of the cursor, which already knows its own")
    return place


def _members(
    selection: _Selection, place: CursorState, page: AudiencePage, following: str | None
) -> AudienceMembers:
    return AudienceMembers(
        category=selection.category,
        as_of=instant.render(place.as_of),
        members=[
            MemberPropensity(
                customer_id=member.customer_id, probability=member.probability, arm=member.arm
            )
            for member in selection.filters.among(page.members)
            if member.probability is not None
        ],
        next_cursor=following,
        summary=PageSummary.of(page.summary),
        models=ModelUsed.all_of(selection.traffic),
    )


async def _stream(
    audiences: Audiences,
    selection: _Selection,
    request: AnyRequest,
    media_type: str,
    *,
    way: ReadWay | None,
) -> Response[Any]:
    write, failed = (
        (ndjson, _last_line) if media_type == NDJSON else (comma_separated, _cut_connection)
    )
    as_of = _as_of(audiences, selection)
    plan = await audiences.plan(
        selection.category,
        as_of=as_of,
        traffic=selection.traffic,
        deadline_s=audiences.page_deadline_s,
        chosen=way,
    )
    query = AudienceQuery(
        category=selection.category,
        as_of=as_of,
        traffic=selection.traffic,
        deadline_s=audiences.stream_deadline_s,
        way=plan.way,
    )
    chunks = write(audiences.score, query, selection.filters, plan.why)
    stream = await begun(chunks, failed=partial(failed, request), left=gone(request.receive))
    if stream is None:
        await closed(chunks)
        return Response(None, status_code=_CLIENT_LEFT)
    return Stream(
        stream,
        media_type=media_type,
        headers=_VARY | {"Propensity-Models": _models(selection.traffic)},
        background=BackgroundTask(closed, chunks),  # runs also after the client has gone
    )


def _models(traffic: Traffic) -> str:
    """Who answers, where rows have no place for it. Source: RFC 9651, a list with parameters."""
    return ", ".join(
        f'{arm};name="{model.name}";version={model.version};revision={model.revision}'
        for arm, model in traffic.answering.items()
    )


def _last_line(request: AnyRequest, exc: Exception) -> bytes:
    if isinstance(exc, PropensityError):
        return failure_line(domain_problem(request, exc).content)
    return failure_line(unexpected_problem(request, exc).content)


def _cut_connection(request: AnyRequest, exc: Exception) -> bytes:
    _last_line(request, exc)  # logs it
    raise StreamBroken("the audience could not be read to its end") from None

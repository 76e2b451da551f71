"""Record purchases: one outcome each, whatever its neighbours are."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi.datastructures import ResponseSpec

from api.documents.problem import FieldError, Problem
from api.documents.purchases import RecordingReport
from api.http.access import asks
from api.http.connections import STOPPING
from api.http.openapi import EVENT, EVENTS, JSON, MAX_PURCHASES, NDJSON, RecordOperation, problems
from api.http.problems import (
    TOO_LARGE,
    AnyRequest,
    ProblemRaised,
    domain_problem,
    http_problem,
    problem,
    unexpected_problem,
)
from api.http.streams import DuplexStream, failure_line, outcome_lines
from api.intake import events_of, purchases_of
from domain.cost import Cost, metered
from domain.errors import PropensityError
from domain.keys import Scope
from domain.purchases import Item, Outcome, PurchaseOutcome, TakeIn

MAX_BODY_BYTES = 1_000_000
MAX_OUTCOMES = 1_000
"""Purchases beyond the hundredth are rejected one by one up to here, then all as a whole."""

_TAKEN = (JSON, NDJSON, EVENT, EVENTS)
_WRITTEN = (Outcome.RECORDED, Outcome.DUPLICATE)


@post(
    "/v1/purchases",
    operation_id="recordPurchases",
    operation_class=RecordOperation,
    summary="Record purchases",
    description=f"Takes 1 to {MAX_PURCHASES} purchases and answers with one outcome each, in "
    "order. The good ones are written whatever the bad ones are; sending a purchase again is "
    "safe: purchase_id is the idempotency key, per customer. A JSON name that is given twice is "
    f"refused. As {NDJSON} any number, one per line: one outcome line per line, while the body "
    "still arrives (read while you send), then a summary; an outcome of null is unknown, send that line again. CloudEvents "
    f"1.0 are taken as {EVENT} or {EVENTS}: of type propensity.purchase.recorded, .refunded or "
    ".cancelled, with the purchase, the refund or the two ids as data.",
    tags=["purchases"],
    status_code=HTTPStatus.OK,
    response_description="Every purchase is recorded or was recorded before.",
    request_max_body_size=None,  # of JSON we limit it ourselves; a stream has no limit
    responses={
        HTTPStatus.MULTI_STATUS: ResponseSpec(
            RecordingReport,
            description="Some purchases are in conflict or rejected; the others are recorded.",
            generate_examples=False,
        ),
        **problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
    **asks(Scope.RECORD),
)
async def record_purchases(
    request: AnyRequest, take_in: NamedDependency[TakeIn]
) -> Response[RecordingReport]:
    """Every purchase has its outcome, 207 where any is not written."""
    media_type = _media_type(request)
    if media_type == NDJSON:
        return _streamed(request, take_in)
    body = await _limited_body(request)
    items = _items(body, media_type)
    if len(items) > MAX_OUTCOMES:
        raise ProblemRaised(_too_many(len(items)))
    with metered() as cost:
        outcomes = await take_in(items)
    return _report(outcomes, cost)


def _items(body: bytes, media_type: str) -> list[Item]:
    if media_type == JSON:
        return purchases_of(body, most=MAX_PURCHASES)
    return events_of(body, batch=media_type == EVENTS)


def _streamed(request: AnyRequest, take_in: TakeIn) -> Response[Any]:
    chunks = outcome_lines(take_in, request.stream())

    async def to_the_end() -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(STOPPING.until(chunks)) as until_stopped:
                async for chunk in until_stopped:
                    yield chunk
        except Exception as exc:  # noqa: BLE001  # the status is sent: no handler can answer now
            if isinstance(exc, PropensityError):
                yield failure_line(domain_problem(request, exc).content)
            elif isinstance(exc, HTTPException):
                yield failure_line(http_problem(request, exc).content)
            else:
                yield failure_line(unexpected_problem(request, exc).content)

    return DuplexStream(to_the_end(), media_type=NDJSON)


def _report(outcomes: Sequence[PurchaseOutcome], cost: Cost) -> Response[RecordingReport]:
    written = all(outcome.outcome in _WRITTEN for outcome in outcomes)
    return Response(
        RecordingReport.of(outcomes, cost),
        status_code=HTTPStatus.OK if written else HTTPStatus.MULTI_STATUS,
    )


async def _limited_body(request: AnyRequest) -> bytes:
    body = bytearray()
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RequestEntityTooLarge
    return bytes(body)


def _media_type(request: AnyRequest) -> str:
    media_type = request.content_type[0].lower()
    if media_type not in _TAKEN:
        raise HTTPException(
            status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            detail=f"send {', '.join(_TAKEN)}, not {media_type or 'a body without Content-Type'}",
            headers={"Accept": ", ".join(_TAKEN)},
        )
    return media_type


def _too_many(count: int) -> Response[Problem]:
    reason = f"holds {count} purchases; send {MAX_PURCHASES} per call"
    return problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        TOO_LARGE,
        f"purchases {reason}",
        errors=[FieldError(field="purchases", reason=reason)],
    )

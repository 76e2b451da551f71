"""Flags by the OpenFeature Remote Evaluation Protocol, for web pages and servers alike."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, SkipValidation

from api.documents.flags import (
    BulkEvaluation,
    EvaluationFailure,
    EvaluationRequest,
    FlagEvaluation,
    GeneralFailure,
)
from api.http.access import asks, visitor_of
from api.http.direct import Direct
from api.http.openapi import JSON, problems
from api.http.parameters import decoded
from api.http.problems import AnyRequest, http_problem, unexpected_problem
from api.http.services import Deciding
from domain.decision_log import LogDecisions
from domain.decisions import Flag
from domain.errors import InvalidRequest, NotFound
from domain.keys import Scope
from domain.prediction import Cause, FlagDecision, undecided
from domain.purchases import customer_id_of

T = TypeVar("T")
FLAGS = "/ofrep/v1/evaluate/flags"
FLAG = FLAGS + "/{key}"
MAX_BODY_BYTES = 20_000
TARGETING_KEY = "targetingKey"
_PRIVATE = {"Cache-Control": "private, no-cache"}
_JSON = msgspec.json.Encoder()


def _failure(request: AnyRequest, status: int, code: str, details: str) -> Response[Any]:
    """As OFREP wants it; a single flag's failure names the flag."""
    key = request.path_params.get("key", msgspec.UNSET)
    failure = EvaluationFailure(error_code=code, error_details=details, key=key)
    return Response(failure, status_code=status, media_type=JSON)


def _refused(request: AnyRequest, exc: InvalidRequest) -> Response[Any]:
    code = "INVALID_CONTEXT" if exc.field == TARGETING_KEY else "PARSE_ERROR"
    if exc.field == TARGETING_KEY and TARGETING_KEY in str(exc.reason):
        code = "TARGETING_KEY_MISSING"
    return _failure(request, HTTPStatus.BAD_REQUEST, code, f"{exc.field} {exc.reason}")


def _not_found(request: AnyRequest, exc: NotFound) -> Response[Any]:
    return _failure(request, HTTPStatus.NOT_FOUND, "FLAG_NOT_FOUND", str(exc))


def _http(request: AnyRequest, exc: HTTPException) -> Response[Any]:
    if exc.status_code == HTTPStatus.BAD_REQUEST:
        return _failure(
            request, HTTPStatus.BAD_REQUEST, "PARSE_ERROR", 'send {"context": {"targetingKey": ID}}'
        )
    return http_problem(request, exc)


def _unexpected(request: AnyRequest, exc: Exception) -> Response[Any]:
    problem = unexpected_problem(request, exc)
    return Response(
        GeneralFailure(error_details=problem.content.detail),
        status_code=problem.status_code,
        media_type=JSON,
    )


def _described(bodies: dict[int, type]) -> dict[int, ResponseSpec]:
    ours = problems(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.SERVICE_UNAVAILABLE)
    theirs = {
        status: ResponseSpec(body, description=HTTPStatus(status).phrase, generate_examples=False)
        for status, body in {**bodies, HTTPStatus.INTERNAL_SERVER_ERROR: GeneralFailure}.items()
    }
    return ours | theirs


_OFREP: dict[str, Any] = asks(Scope.DECIDE) | {
    "tags": ["flags"],
    "status_code": HTTPStatus.OK,
    "request_max_body_size": MAX_BODY_BYTES,
    "middleware": [Direct],
    "exception_handlers": {
        InvalidRequest: _refused,
        NotFound: _not_found,
        HTTPException: _http,
        Exception: _unexpected,
    },
}
_WHO = (
    "A page sends a publishable key and its visitor's signed token, and is told about nobody else. "
    "Without a token, or with an expired one, the answer is the default. A server sends a secret "
    "key and names the customer by `targetingKey`. Where a flag cannot be decided in time, the "
    "answer is its default with the reason ERROR."
)


@post(
    FLAG.replace("}", ":str}"),
    operation_id="evaluateFlag",
    summary="One flag for one customer (OFREP)",
    description=_WHO,
    response_description="The flag's value for this customer.",
    responses=_described(
        {HTTPStatus.BAD_REQUEST: EvaluationFailure, HTTPStatus.NOT_FOUND: EvaluationFailure}
    ),
    **_OFREP,
)
async def evaluate_flag(
    key: Annotated[str, PathParameter(description="The flag's key.")],
    data: JSONBody[EvaluationRequest],
    request: AnyRequest,
    deciding: NamedDependency[SkipValidation[Deciding]],
) -> Response[FlagEvaluation | None]:
    """The flag's variant, or its default."""
    flag = deciding.decide.named(decoded(key, "key"))
    asked = await _asked([flag], data, request, deciding)
    return _unless_known(asked, deciding.log, request, FLAG, lambda found: found[0])


@post(
    FLAGS,
    operation_id="evaluateFlags",
    summary="Every flag for one customer (OFREP)",
    description=_WHO + " With `If-None-Match`, an unchanged answer is a 304.",
    response_description="Every flag's value for this customer; the ETag is of all of them.",
    responses=_described({HTTPStatus.BAD_REQUEST: EvaluationFailure}),
    **_OFREP,
)
async def evaluate_flags(
    data: JSONBody[EvaluationRequest],
    request: AnyRequest,
    deciding: NamedDependency[SkipValidation[Deciding]],
    if_none_match: Annotated[
        str | None, HeaderParameter(name="If-None-Match", required=False, description="An ETag.")
    ] = None,
) -> Response[BulkEvaluation | None]:
    """Every flag's variant, or its default."""
    flags = list(deciding.decide.flags.values())
    asked = await _asked(flags, data, request, deciding)
    del if_none_match  # for the document; _unless_known reads it
    return _unless_known(
        asked, deciding.log, request, FLAGS, lambda found: BulkEvaluation(flags=found)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whose flags were asked for, and what was decided; nobody's without a token."""

    customer_id: str | None
    flags: Sequence[Flag]
    decisions: Sequence[FlagDecision]


def _unless_known(
    asked: _Asked,
    log: LogDecisions,
    request: AnyRequest,
    route: str,
    body: Callable[[list[FlagEvaluation]], T],
) -> Response[T | None]:
    """The answer with its ETag; or 304, where the client has this very one about this customer.

    Only what is told is logged: with a 304 the client keeps the ids of the decisions that it has.
    """
    found = list(map(FlagEvaluation.of, asked.decisions))
    told = _JSON.encode((asked.customer_id, found))
    etag = f'"{hashlib.blake2b(told, digest_size=12).hexdigest()}"'
    headers = _PRIVATE | {"ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if asked.customer_id is not None:
        pairs = zip(asked.flags, asked.decisions, strict=True)
        found = [
            FlagEvaluation.of(each, log.of_flag(asked.customer_id, flag, each, route=route))
            for flag, each in pairs
        ]
    return Response(body(found), headers=headers)


async def _asked(
    flags: Sequence[Flag], data: EvaluationRequest, request: AnyRequest, deciding: Deciding
) -> _Asked:
    named = data.context.get(TARGETING_KEY)
    if named is not None and not isinstance(named, str):
        raise InvalidRequest(TARGETING_KEY, "must be text")
    visitor = visitor_of(request.auth, request.headers, named, deciding.tokens)
    if visitor is None:
        raise InvalidRequest(TARGETING_KEY, "is missing: send targetingKey, the customer's id")
    if isinstance(visitor, Cause):
        unknown = [undecided(flag, visitor) for flag in flags]
        return _Asked(customer_id=None, flags=flags, decisions=unknown)
    try:
        customer_id = customer_id_of(visitor)
        decisions = await deciding.decide(customer_id, flags)
    except InvalidRequest as exc:
        raise InvalidRequest(TARGETING_KEY, exc.reason) from exc
    deciding.fallbacks.count(decisions)
    return _Asked(customer_id=customer_id, flags=flags, decisions=decisions)


OFREP_ROUTES = [evaluate_flag, evaluate_flags]

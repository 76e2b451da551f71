"""Keys over HTTP, for who holds one that manages keys."""

from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from litestar import HttpMethod, Response, get, post, route
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, SkipValidation

from api.documents.keys import IssuedKeyReport, KeyReport, Keys, NewKey, Rotation
from api.http.access import PUBLIC, asks, who_of
from api.http.openapi import problems
from api.http.parameters import check_names
from api.http.problems import AnyRequest
from domain.audit import Act, AuditTrail, Target
from domain.keys import ManageKeys, Scope

MAX_BODY_BYTES = 20_000
NO_STORE = {"Cache-Control": "no-store"}
_KEYS: dict[str, Any] = asks(Scope.KEYS_MANAGE) | {"tags": ["keys"]}
_BODY: dict[str, Any] = _KEYS | {"request_max_body_size": MAX_BODY_BYTES}
_CHANGED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
Audit: TypeAlias = NamedDependency[SkipValidation[AuditTrail]]
KeyId = Annotated[
    str, PathParameter(description="The key's id.", schema_extra={"pattern": "^[0-9a-f]{12}$"})
]


@get(
    "/v1/keys",
    operation_id="listKeys",
    summary="Every key, without its secret",
    response_description="Revoked and expired keys too.",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    **_KEYS,
)
async def list_keys(request: AnyRequest, keys: NamedDependency[ManageKeys]) -> Keys:
    """Every key, the oldest first."""
    check_names(request.query_params, ())
    now = keys.clock()
    return Keys(keys=[KeyReport.of(key, now=now) for key in await keys.every()])


@post(
    "/v1/keys",
    operation_id="createKey",
    summary="Create a key",
    description="The secret is shown this once. Every process takes the key within 10 s.",
    status_code=HTTPStatus.CREATED,
    response_description="The key and its secret.",
    responses=_CHANGED,
    **_BODY,
)
async def create_key(
    data: JSONBody[NewKey], request: AnyRequest, keys: NamedDependency[ManageKeys], audit: Audit
) -> Response[IssuedKeyReport]:
    """The new key with its secret."""
    check_names(request.query_params, ())
    wanted = data.wanted()
    async with audit.act_async(who_of(request), Act.CREATE_KEY, Target.KEY, wanted.actor):
        issued = await keys.create(wanted)
    report = IssuedKeyReport.of(issued, now=keys.clock())
    return Response(report, status_code=HTTPStatus.CREATED, headers=NO_STORE)


@post(
    "/v1/keys/{key_id:str}/rotate",
    operation_id="rotateKey",
    summary="Give a key a new secret",
    description="The secret before holds for `overlap_s` more. One rotated earlier ends at once.",
    status_code=HTTPStatus.OK,
    response_description="The key and its new secret, shown this once.",
    responses=_CHANGED,
    **_BODY,
)
async def rotate_key(
    key_id: KeyId,
    data: JSONBody[Rotation],
    request: AnyRequest,
    keys: NamedDependency[ManageKeys],
    audit: Audit,
) -> Response[IssuedKeyReport]:
    """The key with its new secret."""
    check_names(request.query_params, ())
    async with audit.act_async(who_of(request), Act.ROTATE_KEY, Target.KEY, key_id):
        issued = await keys.rotate(key_id, overlap_s=data.overlap_s)
    return Response(IssuedKeyReport.of(issued, now=keys.clock()), headers=NO_STORE)


@post(
    "/v1/keys/{key_id:str}/revoke",
    operation_id="revokeKey",
    summary="Revoke a key for good",
    description="It allows nothing any more within 10 s, in every process. Again is safe.",
    status_code=HTTPStatus.OK,
    response_description="The revoked key.",
    responses=_CHANGED,
    **_KEYS,
)
async def revoke_key(
    key_id: KeyId, request: AnyRequest, keys: NamedDependency[ManageKeys], audit: Audit
) -> KeyReport:
    """The key, revoked."""
    check_names(request.query_params, ())
    async with audit.act_async(who_of(request), Act.REVOKE_KEY, Target.KEY, key_id):
        revoked = await keys.revoke(key_id)
    return KeyReport.of(revoked, now=keys.clock())


@route(
    "/v1/keys",
    http_method=[HttpMethod.OPTIONS],
    include_in_schema=False,
    status_code=HTTPStatus.NO_CONTENT,
    **PUBLIC,
)
async def key_methods() -> Response[None]:
    """What the path can; Litestar's own answer knows the methods of its first handler alone."""
    return Response(
        None, status_code=HTTPStatus.NO_CONTENT, headers={"Allow": "GET, OPTIONS, POST"}
    )


KEY_ROUTES = [key_methods, list_keys, create_key, rotate_key, revoke_key]

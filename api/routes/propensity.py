"""How likely is this customer to buy?"""

import re
from http import HTTPStatus
from typing import Annotated
from urllib.parse import unquote_to_bytes

from litestar import get
from litestar.datastructures import MultiDict
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from api.errors import AnyRequest
from api.openapi import PRINTABLE, problems
from api.schemas import CustomerPropensity
from api.services import Services
from domain import instant
from domain.errors import InvalidRequest
from domain.purchase import MAX_CUSTOMER_ID_BYTES

_KNOWN = "as_of"
_PLUS_READ_AS_SPACE = re.compile(r"(:\d{2}(?:\.\d+)?) (\d{2}:\d{2})$", re.ASCII)


@get(
    "/v1/customers/{customer_id:str}/propensity",
    operation_id="getPropensity",
    summary="One customer's propensity to buy",
    description="Reads the customer's purchases with strong consistency: a purchase acknowledged "
    "is in the next answer. A customer without purchases has an empty history, not an error.",
    tags=["propensity"],
    response_description="The propensity, the decision and what both rest on.",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def propensity(
    customer_id: Annotated[
        str,
        PathParameter(
            description="Percent-encoded, a slash too. At most 256 bytes of printable UTF-8.",
            examples=[Example(value="c-2469")],
            schema_extra={"pattern": PRINTABLE, "max_length": MAX_CUSTOMER_ID_BYTES},
        ),
    ],
    request: AnyRequest,
    services: NamedDependency[Services],
    as_of: Annotated[
        str | None,
        QueryParameter(
            description="RFC 3339 with an offset; default: now. An unescaped + before the offset "
            "arrives as a space and is read as +.",
            schema_extra={"one_of": None, "type": "string", "format": "date-time"},
        ),
    ] = None,
) -> CustomerPropensity:
    """The propensity now, or as it was known at `as_of`."""
    _check_query(request.query_params)
    prediction = await services.predict(
        _decoded(customer_id), as_of=None if as_of is None else _instant(as_of)
    )
    return CustomerPropensity.of(prediction)


def _check_query(query: MultiDict[str]) -> None:
    """A misspelt parameter must not silently mean its default."""
    unknown = sorted({name for name in query if name != _KNOWN})
    if unknown:
        raise InvalidRequest(", ".join(unknown), f"is not a parameter here; {_KNOWN} is")
    if len(query.getall(_KNOWN, [])) > 1:
        raise InvalidRequest(_KNOWN, "is given more than once")


def _decoded(segment: str) -> str:
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError as exc:
        raise InvalidRequest("customer_id", "is not percent-encoded UTF-8") from exc


def _instant(text: str) -> int:
    try:
        return instant.parse(_PLUS_READ_AS_SPACE.sub(r"\1+\2", text))
    except ValueError as exc:
        raise InvalidRequest(_KNOWN, f"{exc}, not {text[:60]!r}") from exc

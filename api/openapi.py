"""What OpenAPI says beyond the structs: problems, and the body that is decoded leniently."""

from dataclasses import dataclass
from http import HTTPStatus

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from api.schemas import Problem
from domain.purchase import (
    MAX_AMOUNT_MINOR,
    MAX_CATEGORY_BYTES,
    MAX_CUSTOMER_ID_BYTES,
    MAX_PURCHASE_ID_BYTES,
)

PROBLEM_JSON = "application/problem+json"
MAX_PURCHASES = 100
_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_SPACES = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
PRINTABLE = rf"^[^{_CONTROLS}{_SPACES}]([^{_CONTROLS}]*[^{_CONTROLS}{_SPACES}])?$"
"""What the domain takes as text, in ranges that every regex dialect knows; it also refuses
invisible and unassigned characters, which no range can list for every version of Unicode."""


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """What OpenAPI says about a handler's problems; 500 is always among them."""
    return {
        status: ResponseSpec(
            Problem,
            media_type=PROBLEM_JSON,
            description=HTTPStatus(status).phrase,
            generate_examples=False,
        )
        for status in (*statuses, HTTPStatus.INTERNAL_SERVER_ERROR)
    }


def _text(description: str, most: int, example: str) -> Schema:
    return Schema(
        type=OpenAPIType.STRING,
        description=f"{description} Printable, no surrounding spaces, at most {most} bytes of UTF-8.",
        max_length=most,
        pattern=PRINTABLE,
        examples=[example],
    )


_EXAMPLE = {
    "customer_id": "c-2469",
    "purchase_id": "order-31198-1",
    "purchased_at": "2026-01-31T09:30:00Z",
    "category": "jewellery",
    "amount_minor": 4999,
    "currency": "USD",
}
_PURCHASE = Schema(
    type=OpenAPIType.OBJECT,
    required=list(_EXAMPLE),
    additional_properties=False,
    properties={
        "customer_id": _text("Who bought.", MAX_CUSTOMER_ID_BYTES, "c-2469"),
        "purchase_id": _text(
            "Given by the producer, unique per customer; sending it again is safe.",
            MAX_PURCHASE_ID_BYTES,
            "order-31198-1",
        ),
        "purchased_at": Schema(
            type=OpenAPIType.STRING,
            format=OpenAPIFormat.DATE_TIME,
            description="RFC 3339 with an offset, microseconds at most, not in the future.",
        ),
        "category": _text("What kind of thing.", MAX_CATEGORY_BYTES, "jewellery"),
        "amount_minor": Schema(
            type=OpenAPIType.INTEGER,
            minimum=0,
            maximum=MAX_AMOUNT_MINOR,
            description="In minor units of the currency: 4999 is 49.99 USD.",
        ),
        "currency": Schema(
            type=OpenAPIType.STRING,
            pattern="^[A-Z]{3}$",
            description="ISO 4217; must be the deployment's own currency.",
        ),
    },
)


@dataclass
class RecordOperation(Operation):
    """Describes the body that the handler decodes leniently, element by element."""

    def __post_init__(self) -> None:
        """The operation has a request body."""
        purchases = Schema(
            type=OpenAPIType.ARRAY, items=_PURCHASE, min_items=1, max_items=MAX_PURCHASES
        )
        body = Schema(
            type=OpenAPIType.OBJECT,
            required=["purchases"],
            additional_properties=False,
            properties={"purchases": purchases},
        )
        example = Example(summary="One purchase", value={"purchases": [_EXAMPLE]})
        self.request_body = RequestBody(
            required=True,
            content={"application/json": OpenAPIMediaType(schema=body, examples={"one": example})},
        )

"""What OpenAPI says beyond the structs: problems, and the body that is decoded leniently."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from api.documents.problem import Problem
from domain.purchases import (
    DAMAGE,
    MAX_AMOUNT_MINOR,
    MAX_CATEGORY_BYTES,
    MAX_CUSTOMER_ID_BYTES,
    MAX_PURCHASE_ID_BYTES,
)

PROBLEM_JSON = "application/problem+json"
JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
EVENT = "application/cloudevents+json"
EVENTS = "application/cloudevents-batch+json"
MAX_PURCHASES = 100
PAGE = 100
MAX_PAGE = 1_000
_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_SPACES = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_TEXT = rf"[^{_CONTROLS}{_SPACES}]([^{_CONTROLS}]*[^{_CONTROLS}{_SPACES}])?$"
PRINTABLE = rf"^(?!\.\.?$){_TEXT}"
"""What may be asked about, in ranges that every regex dialect knows; the domain also refuses
invisible and unassigned characters, which no range can list for every version of Unicode."""
IDENTIFIER = rf"^(?!(?:\.\.?|{'|'.join(DAMAGE)})$){_TEXT}"
"""What may be recorded: also nothing that a spreadsheet or data frame damaged."""


_WITHOUT_KEY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)


def problems(*statuses: int, public: bool = False) -> dict[int, ResponseSpec]:
    """What OpenAPI says about a handler's problems; 500 is always among them.

    Where not `public`, so are those of a key that does not allow it.
    """
    statuses = (*statuses, *(() if public else _WITHOUT_KEY))
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
        description=f"{description} Printable, no surrounding spaces, at most {most} bytes of UTF-8 "
        "in Unicode's form NFC; nothing that a spreadsheet damaged (123.0, nan, #REF!).",
        max_length=most,
        pattern=IDENTIFIER,
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
            description="RFC 3339 with an offset, not in the future; digits below the "
            "microsecond are cut off.",
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


def _named(name: str) -> Reference:
    return Reference(ref=f"#/components/schemas/{name}")


SCHEMAS = {
    "PurchaseToRecord": _PURCHASE,
    "PurchasesToRecord": Schema(
        type=OpenAPIType.OBJECT,
        required=["purchases"],
        additional_properties=False,
        properties={
            "purchases": Schema(
                type=OpenAPIType.ARRAY,
                items=_named("PurchaseToRecord"),
                min_items=1,
                max_items=MAX_PURCHASES,
            )
        },
    ),
}
"""Under names of their own, which generated clients give to their classes."""


@dataclass
class RecordOperation(Operation):
    """Describes the body that the handler decodes leniently, element by element.

    CloudEvents are described in words only: where an operation has several JSON bodies,
    openapi-python-client writes a client that cannot be imported.
    """

    def __post_init__(self) -> None:
        """The operation has a request body."""
        example = Example(summary="One purchase", value={"purchases": [_EXAMPLE]})
        self.request_body = RequestBody(
            required=True,
            content={
                JSON: OpenAPIMediaType(
                    schema=_named("PurchasesToRecord"), examples={"one": example}
                ),
                NDJSON: _stream("One purchase per line.", json.dumps(_EXAMPLE)),
            },
        )
        success = (self.responses or {})[str(HTTPStatus.OK.value)]
        content = cast("OpenAPIResponse", success).content or {}
        content[NDJSON] = _stream(
            "One outcome per line sent; the last line is the summary.",
            '{"position":0,"outcome":"recorded","purchase_id":"order-31198-1"}\n',
        )


AUDIENCE = f"""\
All who ever bought in the category, each once, scored as of one instant by the champion, or by
the challenger for its share of the customers; by
Accept: {JSON} (default) in pages, {NDJSON} or {CSV} as one stream. Members outside the probabilities
asked for are left out. A category that nobody ever bought in is a 404, which names similar ones.

**Pages.** A page may hold fewer members than `limit`, or none, while `next_cursor` is not null: ask
on until it is. It ends before the first member that cannot be read in time; where that is its very
first, the answer is a 503, and the same page may be asked for again. The following pages neither
repeat nor miss anybody, also while purchases arrive. A cursor is opaque, expires, and belongs to its
category, filters, `as_of` and what answers (versions and share); any other use is a 400. Where the deployment sets no
cursor key, a cursor survives neither a restart nor a change of server.

**Streams.** An error before the first members are read is a problem as ever. The last line of an
NDJSON stream that reached its end is `{{"summary": ...}}` and of a failed one `{{"error": problem}}`; a
stream without either was cut. Members that could not be read in time are always listed, with null,
for unknown is not zero. The summary names the `way` purchases were read, and `why`; its `complete` is false where members are unread, or are missing
since `unlisted_shards` could not be listed in time. The header Propensity-Models names who answers. CSV has no place for a summary: a stream that
failed or misses members ends by a broken connection, so take NDJSON where partial answers matter. In
CSV an empty probability is unread, and cells that a spreadsheet could run (they start with = + - @)
have ' before them, as have those that start with ' themselves.
"""
_NDJSON_EXAMPLE = """{"customer_id":"c-2469","probability":0.73,"arm":"champion"}
{"customer_id":"c-2470","probability":null,"arm":"champion"}
{"summary":{"round_trips":34,"read_units":{"measured":50.0,"computed":0.0},\
"write_units":{"measured":0.0,"computed":0.0},"category":"jewellery","as_of":"2026-01-31T09:30:00Z","scored":1,"unread":1,\
"unlisted_shards":0,"listed":2,"partial":true,"expected_buyers":0.73,\
"challenged":0,\
"models":[{"name":"purchase-propensity","version":7,"revision":9,"arm":"champion"}],"complete":false,\
"way":"batch","why":"batch is cheaper: batches cost 2 read units, a scan of 90 active customers 14"}}
"""


@dataclass
class AudienceOperation(Operation):
    """Describes the streams beside the page, which the handler's signature describes."""

    def __post_init__(self) -> None:
        """The operation's success has every media type."""
        success = (self.responses or {})[str(HTTPStatus.OK.value)]
        content = cast("OpenAPIResponse", success).content or {}
        content[NDJSON] = _stream(
            "One object per member; the last line is the summary, or an error.", _NDJSON_EXAMPLE
        )
        content[CSV] = _stream(
            "A header and one row per member; an empty probability is unread.",
            "customer_id,probability,arm\r\nc-2469,0.73,champion\r\nc-2470,,champion\r\n",
        )


def _stream(description: str, example: str) -> OpenAPIMediaType:
    return OpenAPIMediaType(
        schema=Schema(type=OpenAPIType.STRING, description=description, examples=[example])
    )

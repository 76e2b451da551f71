"""The OpenAPI document, completed with what the server holds to and Litestar does not say."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI, Parameter, Reference, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from api.documents.campaign import LONGEST_DAYS, MOST_WHOLE
from api.documents.models import MOST
from api.http.openapi import IDENTIFIER, PRINTABLE, SCHEMAS
from domain.keys import ACTOR, MOST_DAYS
from domain.purchases import MAX_AMOUNT_MINOR, MAX_CUSTOMER_ID_BYTES, MAX_PURCHASE_ID_BYTES
from domain.values import Currency

_ASKED_FOR = {
    "customer_id": (PRINTABLE, MAX_CUSTOMER_ID_BYTES),
    "purchase_id": (PRINTABLE, MAX_PURCHASE_ID_BYTES),
    "refund_id": (PRINTABLE, MAX_PURCHASE_ID_BYTES),
}
_RECORDED = {name: (IDENTIFIER, most) for name, (_, most) in _ASKED_FOR.items()}
_BODIES: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "CustomerToErase": _ASKED_FOR,
    "PurchaseToCancel": _ASKED_FOR,
    "PurchaseToRefund": _RECORDED,
    "Promotion": {},
    "Rollback": {},
    "SplitWanted": {},
    "NewKey": {},
    "Rotation": {},
    "NewCampaign": {},
    "CampaignSent": {},
    "CampaignToDelete": {},
    "ShadowsWanted": {},
}
"""What bodies are called, and the patterns and lengths of their identifiers."""
_REQUIRED_HEADER = "If-Match"
_ETAG = r'^(\*|"[0-9]{1,9}")$'


class Completing(OpenAPIConfig):
    """Litestar's document, completed when it is written: that takes as long as the rest of a start."""

    currency: Currency

    def to_openapi_schema(self) -> OpenAPI:
        """The document before Litestar adds the routes."""
        plain = super().to_openapi_schema()
        document = _Completed(**{each.name: getattr(plain, each.name) for each in fields(plain)})
        document.currency = self.currency
        return document


class _Completed(OpenAPI):
    currency: Currency

    def to_schema(self) -> dict[str, Any]:
        _complete(self, self.currency)
        return super().to_schema()


def _complete(document: OpenAPI, currency: Currency) -> None:
    """Bodies take no other fields, ids have their patterns, headers their need."""
    schemas = document.components.schemas = {**(document.components.schemas or {}), **SCHEMAS}
    for name, identifiers in _BODIES.items():
        _complete_body(schemas[name], identifiers)
    _complete_refund(schemas["PurchaseToRefund"].properties or {}, currency)
    _complete_numbers(schemas)
    _complete_key(schemas["NewKey"].properties or {})
    _complete_context(schemas["EvaluationRequest"].properties or {})
    for path in (document.paths or {}).values():
        for operation in (path.get, path.post):
            for parameter in (operation and operation.parameters) or ():
                if isinstance(parameter, Parameter) and parameter.name == _REQUIRED_HEADER:
                    parameter.required = True
                    parameter.schema = Schema(type=OpenAPIType.STRING, pattern=_ETAG)


def _complete_body(body: Schema, identifiers: Mapping[str, tuple[str, int]]) -> None:
    body.additional_properties = False
    for field, (pattern, most) in identifiers.items():
        found = (body.properties or {}).get(field)
        if isinstance(found, Schema):
            found.pattern, found.max_length = pattern, most


def _complete_refund(properties: dict[str, Schema | Reference], currency: Currency) -> None:
    properties["amount_minor"] = Schema(
        type=OpenAPIType.INTEGER,
        minimum=1,
        maximum=MAX_AMOUNT_MINOR,
        description="In minor units of the currency.",
    )
    properties["currency"] = Schema(type=OpenAPIType.STRING, enum=[currency.code])
    properties["refunded_at"] = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME)


def _complete_key(properties: dict[str, Schema | Reference]) -> None:
    actor, scopes = properties["actor"], properties["scopes"]
    if isinstance(actor, Schema) and isinstance(scopes, Schema):
        actor.pattern, scopes.min_items = f"^{ACTOR.pattern}$", 1
    properties["days"] = Schema(
        one_of=[
            Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MOST_DAYS),
            Schema(type=OpenAPIType.NULL),
        ],
        description="Until it expires; null: it does not.",
    )


def _complete_context(properties: dict[str, Schema | Reference]) -> None:
    """As OFREP has it; with a customer's token the key may be left out all the same."""
    properties["context"] = Schema(
        type=OpenAPIType.OBJECT,
        required=["targetingKey"],
        additional_properties=True,
        properties={
            "targetingKey": Schema(
                type=OpenAPIType.STRING,
                pattern=PRINTABLE,
                max_length=MAX_CUSTOMER_ID_BYTES,
                description="The customer's id; anything else is not looked at.",
            )
        },
    )


def _complete_numbers(schemas: Mapping[str, Schema]) -> None:
    """Litestar forgets bounds within a union and a list."""
    number = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MOST)
    rollback = schemas["Rollback"].properties or {}
    rollback["to_revision"] = Schema(
        one_of=[number, Schema(type=OpenAPIType.NULL)],
        description="Default: the newest that answered otherwise.",
    )
    shadows = (schemas["ShadowsWanted"].properties or {})["versions"]
    if isinstance(shadows, Schema):
        shadows.items, shadows.unique_items = number, True
    campaign = schemas["NewCampaign"].properties or {}
    for name, kind, least, most in (
        ("revision", OpenAPIType.INTEGER, 1, MOST_WHOLE),
        ("top", OpenAPIType.INTEGER, 1, MOST_WHOLE),
        ("min_purchases", OpenAPIType.INTEGER, 1, MOST_WHOLE),
        ("not_contacted_days", OpenAPIType.INTEGER, 1, LONGEST_DAYS),
        ("top_share", OpenAPIType.NUMBER, 0, 1),
    ):
        found = campaign[name]
        campaign[name] = Schema(
            one_of=[Schema(type=kind, minimum=least, maximum=most), Schema(type=OpenAPIType.NULL)],
            description=found.description if isinstance(found, Schema) else None,
        )

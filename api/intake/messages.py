"""What a message may hold: purchases and cancellations, bare, as CloudEvents, or in an envelope.

Envelopes are what AWS puts around a message: a notification of SNS, an event of EventBridge, a
request of API Gateway. They may stand in one another, three deep.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from typing import cast

from api.intake.decoding import decoded
from domain.errors import InvalidRequest
from domain.purchases import Item, RawCancellation, RawPurchase, Unreadable

RECORDED = "propensity.purchase.recorded"
CANCELLED = "propensity.purchase.cancelled"
"""Types of CloudEvents: `data` is a purchase, or the two ids of the one to cancel."""
MOST_ITEMS = 10_000
"""Of one message: SQS takes a megabyte, which holds fewer purchases than that."""
MOST_ENVELOPES = 3
_ENVELOPES = {
    "Message": {"Type", "Message"},
    "detail": {"detail-type", "detail", "source"},
    "body": {"requestContext", "body"},
}
"""By the field that holds the message: what marks SNS, EventBridge, and API Gateway."""
_SEND_MINOR = "is not taken here: send amount_minor (an integer, minor units) and currency"
_IDS = ("customer_id", "purchase_id")


def items_of(body: str | bytes) -> list[Item]:
    """Everything that a message holds, in order; what cannot be read is refused, nothing is raised.

    A message is one of these, or a list of them: a purchase as `POST /v1/purchases` takes it;
    `{"purchases": [...]}`; `{"cancelled": {"customer_id": ..., "purchase_id": ...}}`; a CloudEvent
    1.0 (structured JSON, as one or as a batch); an envelope around any of these.
    """
    try:
        document = decoded(body)
    except InvalidRequest as exc:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        return [Unreadable(text, exc.field, exc.reason)]
    return _all_items(document)


def _all_items(document: object) -> list[Item]:
    found: list[Item] = []
    for item in _items(document, depth=0):
        if len(found) == MOST_ITEMS:
            return [Unreadable(document, "body", f"holds more than {MOST_ITEMS} purchases")]
        found.append(item)
    return found or [Unreadable(document, "body", "holds nothing")]


def purchases_of(body: bytes, *, most: int) -> list[Item]:
    """The purchases of `{"purchases": [...]}`, the one form that a plain JSON request has.

    Raises:
        InvalidRequest: it is no such thing, or holds none; says where. `most` is for the message.
    """
    document = decoded(body)
    if not isinstance(document, dict):
        raise InvalidRequest("body", 'must be an object: {"purchases": [...]}')
    fields = cast("dict[str, object]", document)
    if _envelope_of(fields):
        return _all_items(document)
    unknown = sorted(fields.keys() - {"purchases"})
    if unknown:
        raise InvalidRequest(unknown[0][:60], "is not a field here; purchases is")
    purchases = fields.get("purchases")
    if not isinstance(purchases, list) or not purchases:
        raise InvalidRequest("purchases", f"must be a list of 1 to {most} purchases")
    return [_purchase(purchase, purchase) for purchase in cast("list[object]", purchases)]


def _items(document: object, *, depth: int) -> Iterator[Item]:
    if isinstance(document, list):
        for entry in cast("list[object]", document):
            if isinstance(entry, list):
                yield Unreadable(entry, "body", "a list within a list")
            else:
                yield from _items(entry, depth=depth)
    elif not isinstance(document, dict):
        yield Unreadable(document, "body", "must be an object, or a list of objects")
    else:
        yield from _of_object(cast("dict[str, object]", document), depth=depth)


def _of_object(entry: dict[str, object], *, depth: int) -> Iterator[Item]:
    if field := _envelope_of(entry):
        if depth == MOST_ENVELOPES:
            yield Unreadable(entry, field, f"is in more than {MOST_ENVELOPES} envelopes")
            return
        yield from _enveloped(entry, field, depth=depth + 1)
    elif "specversion" in entry:
        yield _event(entry)
    elif "cancelled" in entry:
        yield _cancelled(entry["cancelled"], entry)
    elif isinstance(entry.get("purchases"), list) and len(entry) == 1:
        for purchase in cast("list[object]", entry["purchases"]):
            yield _purchase(purchase, purchase)
    else:
        yield _purchase(entry, entry)


def _envelope_of(entry: dict[str, object]) -> str | None:
    """The field that holds the message; None where the object is no envelope."""
    return next((field for field, marks in _ENVELOPES.items() if marks <= entry.keys()), None)


def _enveloped(entry: dict[str, object], field: str, *, depth: int) -> Iterator[Item]:
    held = entry[field]
    try:
        if entry.get("isBase64Encoded") is True:
            held = b64decode(str(held), validate=True)
        document = decoded(held) if isinstance(held, str | bytes) else held
    except (Base64Error, ValueError):
        yield Unreadable(entry, field, "is not base64")
    except InvalidRequest as exc:
        yield Unreadable(entry, field, exc.reason)
    else:
        if entry.get("detail-type") == CANCELLED:
            yield _cancelled(document, entry)
        else:
            yield from _items(document, depth=depth)


def _event(event: dict[str, object]) -> Item:
    """Source: CloudEvents 1.0.2, JSON event format."""
    if event["specversion"] != "1.0":
        return Unreadable(event, "specversion", "must be 1.0")
    for name in ("id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            return Unreadable(event, name, "must be text")
    data = event.get("data")
    if "data_base64" in event:
        try:
            data = decoded(b64decode(str(event["data_base64"]), validate=True))
        except (Base64Error, ValueError, InvalidRequest):
            return Unreadable(event, "data_base64", "is not JSON in base64")
    if event["type"] == RECORDED:
        return _purchase(data, event)
    if event["type"] == CANCELLED:
        return _cancelled(data, event)
    return Unreadable(event, "type", f"must be {RECORDED} or {CANCELLED}")


def _purchase(purchase: object, whole: object) -> Item:
    if not isinstance(purchase, dict):
        return Unreadable(whole, "purchase", "must be an object")
    raw = cast("dict[str, object]", purchase)
    if raw.get("amount") is not None:
        purchase_id = raw.get("purchase_id")
        return Unreadable(
            whole, "amount", _SEND_MINOR, purchase_id if isinstance(purchase_id, str) else None
        )
    return RawPurchase(raw)


def _cancelled(ids: object, whole: object) -> Item:
    if not isinstance(ids, dict):
        return Unreadable(whole, "cancelled", "must be an object")
    found = cast("dict[str, object]", ids)
    if set(found) != set(_IDS) or not all(isinstance(found[name], str) for name in _IDS):
        return Unreadable(
            whole, "cancelled", "must have customer_id and purchase_id, as text, alone"
        )
    return RawCancellation(str(found["customer_id"]), str(found["purchase_id"]), whole)

"""What a message may hold: purchases, refunds and cancellations, bare, as CloudEvents, or enveloped."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from api.intake.decoding import decoded
from api.intake.envelopes import MOST_ENVELOPES, Envelope, envelope_of, opened, structure_of
from domain.errors import InvalidRequest
from domain.purchases import Item, RawCancellation, RawPurchase, RawRefund, Unreadable

RECORDED = "propensity.purchase.recorded"
REFUNDED = "propensity.purchase.refunded"
CANCELLED = "propensity.purchase.cancelled"
"""Types of CloudEvents: `data` is a purchase, a refund, or the two ids of a purchase to cancel."""
MOST_ITEMS = 10_000
"""Of one message: SQS takes a megabyte, which holds fewer purchases than that."""
_MARKS_OF_A_PURCHASE = {
    *("customer_id", "purchase_id", "purchased_at", "category", "amount", "amount_minor")
}
_SEND_MINOR = "is not taken here: send amount_minor (an integer, minor units) and currency"
_IDS = ("customer_id", "purchase_id")


def items_of(body: str | bytes) -> list[Item]:
    """Everything that a message holds, in order; what cannot be read is refused, nothing is raised.

    A message is one of these, or a list of them: a purchase as `POST /v1/purchases` takes it;
    `{"purchases": [...]}`; `{"refunded": {...}}` as `POST /v1/refunds` takes it; `{"cancelled":
    {"customer_id": ..., "purchase_id": ...}}`; a CloudEvent 1.0 (structured JSON, as one or as a
    batch); an envelope around any of these.
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


def events_of(body: bytes, *, batch: bool) -> list[Item]:
    """What CloudEvents hold: one of them, or a batch.

    Raises:
        InvalidRequest: it is no JSON, or not the object or list that its media type says.
    """
    document = decoded(body)
    if isinstance(document, list) is not batch:
        raise InvalidRequest("body", f"must be {'a list of events' if batch else 'one event'}")
    if not batch and not (isinstance(document, dict) and "specversion" in document):
        raise InvalidRequest("specversion", "is missing: it is no CloudEvent")
    return _all_items(document)


def purchases_of(body: bytes, *, most: int) -> list[Item]:
    """The purchases of `{"purchases": [...]}`, the one form that a plain JSON request has.

    Raises:
        InvalidRequest: it is no such thing, or holds none; says where. `most` is for the message.
    """
    document = decoded(body)
    if not isinstance(document, dict):
        raise InvalidRequest("body", 'must be an object: {"purchases": [...]}')
    fields = cast("dict[str, object]", document)
    if envelope_of(fields):
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
    if envelope := envelope_of(entry):
        yield from _enveloped(entry, envelope, depth=depth + 1)
    elif "specversion" in entry:
        yield _event(entry)
    elif kind := next((name for name in _BARE if name in entry), None):
        yield _BARE[kind](entry[kind], entry)
    elif isinstance(entry.get("purchases"), list) and len(entry) == 1:
        for purchase in cast("list[object]", entry["purchases"]):
            yield _purchase(purchase, purchase)
    elif entry.keys() & _MARKS_OF_A_PURCHASE:
        yield _purchase(entry, entry)
    else:
        reason = f"is no purchase, refund, cancellation or known envelope: {structure_of(entry)}"
        yield Unreadable(entry, "body", reason)


def _enveloped(entry: dict[str, object], envelope: Envelope, *, depth: int) -> Iterator[Item]:
    if depth > MOST_ENVELOPES:
        yield Unreadable(entry, envelope.field, f"is in more than {MOST_ENVELOPES} envelopes")
        return
    try:
        document = opened(entry, envelope)
    except InvalidRequest as exc:
        yield Unreadable(entry, exc.field, exc.reason)
        return
    kind = entry.get("detail-type")
    if kind in (CANCELLED, REFUNDED):
        yield _BY_TYPE[str(kind)](document, entry)
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
    kind = _BY_TYPE.get(str(event["type"]))
    if kind is None:
        return Unreadable(event, "type", f"must be one of {', '.join(_BY_TYPE)}")
    return kind(data, event)


def _purchase(purchase: object, whole: object) -> Item:
    if not isinstance(purchase, dict):
        return Unreadable(whole, "purchase", "must be an object")
    raw = cast("dict[str, object]", purchase)
    return _in_major_units(raw, whole) or RawPurchase(raw)


def _refunded(refund: object, whole: object) -> Item:
    if not isinstance(refund, dict):
        return Unreadable(whole, "refunded", "must be an object")
    fields = cast("dict[str, object]", refund)
    return _in_major_units(fields, whole) or RawRefund(fields, whole)


def _in_major_units(fields: dict[str, object], whole: object) -> Unreadable | None:
    if fields.get("amount") is None:
        return None
    purchase_id = fields.get("purchase_id")
    return Unreadable(
        whole, "amount", _SEND_MINOR, purchase_id if isinstance(purchase_id, str) else None
    )


def _cancelled(ids: object, whole: object) -> Item:
    if not isinstance(ids, dict):
        return Unreadable(whole, "cancelled", "must be an object")
    found = cast("dict[str, object]", ids)
    if set(found) != set(_IDS) or not all(isinstance(found[name], str) for name in _IDS):
        return Unreadable(
            whole, "cancelled", "must have customer_id and purchase_id, as text, alone"
        )
    return RawCancellation(str(found["customer_id"]), str(found["purchase_id"]), whole)


_BY_TYPE: Mapping[str, Callable[[object, object], Item]] = {
    RECORDED: _purchase,
    REFUNDED: _refunded,
    CANCELLED: _cancelled,
}
_BARE = {"cancelled": _cancelled, "refunded": _refunded}

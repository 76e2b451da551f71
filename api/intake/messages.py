"""What a message may hold: purchases and cancellations, bare, as CloudEvents or in an SNS envelope."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import msgspec

RECORDED = "propensity.purchase.recorded"
CANCELLED = "propensity.purchase.cancelled"
"""Types of CloudEvents: `data` is a purchase, or the two ids of the one to cancel."""
MOST_ITEMS = 10_000
"""Of one message: SQS takes a megabyte, which holds fewer purchases than that."""
_IDS = ("customer_id", "purchase_id")


@dataclass(frozen=True, slots=True)
class Sent:
    """A purchase as it was sent, not validated yet."""

    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The ids of a purchase to cancel."""

    customer_id: str
    purchase_id: str
    raw: object


@dataclass(frozen=True, slots=True)
class Refused:
    """A part that is neither; `reason` says where and why."""

    raw: object
    reason: str


Item: TypeAlias = Sent | Cancelled | Refused


def items_of(body: str | bytes) -> list[Item]:
    """Everything that a message holds, in order; what cannot be read is refused, nothing is raised.

    A message is one of these, or a list of them: a purchase as `POST /v1/purchases` takes it;
    `{"purchases": [...]}`; `{"cancelled": {"customer_id": ..., "purchase_id": ...}}`; a CloudEvent
    1.0 (structured JSON, as one or as a batch); an SNS notification around any of these.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        return [Refused(text, f"body: is not JSON ({exc})")]
    found: list[Item] = []
    for item in _items(document, enveloped=False):
        if len(found) == MOST_ITEMS:
            return [Refused(document, f"body: holds more than {MOST_ITEMS} purchases")]
        found.append(item)
    return found or [Refused(document, "body: holds nothing")]


def _items(document: object, *, enveloped: bool) -> Iterator[Item]:
    if isinstance(document, list):
        for entry in cast("list[object]", document):
            if isinstance(entry, list):
                yield Refused(entry, "body: a list within a list")
            else:
                yield from _items(entry, enveloped=enveloped)
    elif not isinstance(document, dict):
        yield Refused(document, "body: must be an object, or a list of objects")
    else:
        yield from _of_object(cast("dict[str, object]", document), enveloped=enveloped)


def _of_object(entry: dict[str, object], *, enveloped: bool) -> Iterator[Item]:
    if entry.get("Type") == "Notification" and isinstance(entry.get("Message"), str):
        if enveloped:
            yield Refused(entry, "Message: an SNS envelope within another")
            return
        yield from _enveloped(entry, cast("str", entry["Message"]))
    elif "specversion" in entry:
        yield _event(entry)
    elif "cancelled" in entry:
        yield _cancelled(entry["cancelled"], entry)
    elif isinstance(entry.get("purchases"), list) and len(entry) == 1:
        for purchase in cast("list[object]", entry["purchases"]):
            yield _purchase(purchase, purchase)
    else:
        yield _purchase(entry, entry)


def _enveloped(entry: object, message: str) -> Iterator[Item]:
    try:
        document = msgspec.json.decode(message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        yield Refused(entry, f"Message: is not JSON ({exc})")
        return
    yield from _items(document, enveloped=True)


def _event(event: dict[str, object]) -> Item:
    """Source: CloudEvents 1.0.2, JSON event format."""
    if event["specversion"] != "1.0":
        return Refused(event, "specversion: must be 1.0")
    for name in ("id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            return Refused(event, f"{name}: must be text")
    data = event.get("data")
    if "data_base64" in event:
        try:
            data = msgspec.json.decode(b64decode(str(event["data_base64"]), validate=True))
        except (Base64Error, ValueError, RecursionError):
            return Refused(event, "data_base64: is not JSON in base64")
    if event["type"] == RECORDED:
        return _purchase(data, event)
    if event["type"] == CANCELLED:
        return _cancelled(data, event)
    return Refused(event, f"type: must be {RECORDED} or {CANCELLED}")


def _purchase(purchase: object, whole: object) -> Item:
    if not isinstance(purchase, dict):
        return Refused(whole, "purchase: must be an object")
    raw = cast("dict[str, object]", purchase)
    if raw.get("amount") is not None:
        return Refused(whole, "amount: send amount_minor (an integer, minor units) and currency")
    return Sent(raw)


def _cancelled(ids: object, whole: object) -> Item:
    if not isinstance(ids, dict):
        return Refused(whole, "cancelled: must be an object")
    found = cast("dict[str, object]", ids)
    if set(found) != set(_IDS) or not all(isinstance(found[name], str) for name in _IDS):
        return Refused(whole, "cancelled: must have customer_id and purchase_id, as text, alone")
    return Cancelled(str(found["customer_id"]), str(found["purchase_id"]), whole)

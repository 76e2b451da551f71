"""Envelopes: what AWS puts around a message, and how each is opened.

A notification of SNS, an event of EventBridge, a request of API Gateway or a load balancer, and what
Lambda makes of SQS, SNS and Kinesis. They may stand in one another.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import NamedTuple, cast

from api.intake.decoding import decoded
from domain.errors import InvalidRequest

MOST_ENVELOPES = 5
_MOST_NAME = 40


class Envelope(NamedTuple):
    """Which fields mark it, which one holds the message, and whether that is base64."""

    marks: frozenset[str]
    field: str
    base64: bool = False


_ENVELOPES = (
    Envelope(frozenset({"Type", "Message"}), "Message"),
    Envelope(frozenset({"detail-type", "detail", "source"}), "detail"),
    Envelope(frozenset({"requestContext", "body"}), "body"),
    Envelope(frozenset({"eventSource", "body"}), "body"),
    Envelope(frozenset({"EventSource", "Sns"}), "Sns"),
    Envelope(frozenset({"eventSource", "kinesis"}), "kinesis"),
    Envelope(frozenset({"kinesisSchemaVersion", "data"}), "data", base64=True),
    Envelope(frozenset({"Records"}), "Records"),
)


def envelope_of(entry: Mapping[str, object]) -> Envelope | None:
    """The envelope that an object is; None where it is none."""
    return next((each for each in _ENVELOPES if each.marks <= entry.keys()), None)


def opened(entry: Mapping[str, object], envelope: Envelope) -> object:
    """What the envelope holds.

    Raises:
        InvalidRequest: it cannot be read; names the field.
    """
    held = entry[envelope.field]
    if envelope.base64 or entry.get("isBase64Encoded") is True:
        try:
            held = b64decode(str(held), validate=True)
        except (Base64Error, ValueError) as exc:
            raise InvalidRequest(envelope.field, "is not base64") from exc
    if not isinstance(held, str | bytes):
        return held
    try:
        return decoded(held)
    except InvalidRequest as exc:
        raise InvalidRequest(envelope.field, exc.reason) from exc


def structure_of(document: object) -> str:
    """The first 200 characters of what a document is made of, without what anybody wrote into it."""
    return _structure(document, depth=4)[:200]


def _structure(document: object, *, depth: int) -> str:
    if isinstance(document, dict):
        fields = cast("dict[str, object]", document)
        shown = list(fields.items())[:20]
        inner = ", ".join(f"{_name(n)}: {_structure(v, depth=depth - 1)}" for n, v in shown)
        return "{" + (inner if depth else "...") + "}"
    if isinstance(document, list):
        entries = cast("list[object]", document)
        return f"[{_structure(entries[0], depth=depth - 1) if entries and depth else ''}]"
    if isinstance(document, str):
        return "text"
    if document is None or isinstance(document, bool):
        return "null" if document is None else "true or false"
    return "number"


def _name(name: str) -> str:
    """A field's name where it is one, and not somebody's address."""
    plain = (
        len(name) <= _MOST_NAME
        and name.replace("-", "").replace("_", "").replace(":", "").isalnum()
    )
    return name if plain and name.isascii() and not any(map(str.isdigit, name)) else "?"

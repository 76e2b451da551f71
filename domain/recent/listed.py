"""How recent purchases are listed: in full, but for ids that are long."""

import hashlib
from dataclasses import replace

from domain.purchases import Purchase

SHORT_ID_BYTES = 7
DIGEST_BYTES = 8


def id_bytes(given: str) -> bytes:
    """An id as it is listed: itself, or a digest where it is longer than a digest is worth."""
    text = given.encode()
    if len(text) <= SHORT_ID_BYTES:
        return text
    return hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest()


def listed_id(listed: bytes) -> str:
    """The text of an id that is listed; that of a digest is longer than any short id.

    Raises:
        ValueError: it is none.
    """
    if len(listed) == DIGEST_BYTES:
        return listed.hex()
    if not 0 < len(listed) <= SHORT_ID_BYTES:
        raise ValueError("no id")
    return listed.decode()


def as_listed(purchase: Purchase) -> Purchase:
    """The purchase as a recent history tells it."""
    return replace(
        purchase,
        purchase_id=listed_id(id_bytes(purchase.purchase_id)),
        refunds=tuple(
            sorted(
                replace(each, refund_id=listed_id(id_bytes(each.refund_id)))
                for each in purchase.refunds
            )
        ),
    )

"""Buckets: every customer in one of 10,000 equal parts, by the id alone."""

import hashlib
from decimal import Decimal, InvalidOperation

BUCKETS = 10_000
"""Shares are exact to 0.01 %, a basis point."""


def bucket(customer_id: str, salt: bytes) -> int:
    """A stable, even number in [0, 10,000); another salt of at most 16 bytes, another number.

    A customer below a share is below every larger one, so a share that grows only adds customers.
    """
    digest = hashlib.blake2b(customer_id.encode(), digest_size=8, salt=salt).digest()
    return int.from_bytes(digest) % BUCKETS


def basis_points_of(text: str) -> int:
    """The basis points of a share such as 10% or 0.1, from 0 up to 100 %.

    Raises:
        ValueError: no number, outside that range, or finer than 0.01 %.
    """
    number, percent, rest = text.strip().partition("%")
    try:
        share = Decimal(number) / (100 if percent else 1)
    except InvalidOperation:
        share = Decimal("NaN")
    if rest or not share.is_finite() or not 0 <= share <= 1:
        raise ValueError("must be a share from 0 to 100 %, such as 10% or 0.1")
    points = share * BUCKETS
    if points != int(points):
        raise ValueError("is finer than 0.01 %")
    return int(points)

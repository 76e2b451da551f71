"""Holdout: a control group whom no campaign reaches, the same customers every time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from domain.audience_reads import Member

BUCKETS = 10_000
"""A customer is in one of so many equal parts: shares are exact to 0.01 %."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One member of a list, and whether the customer is held out of the campaign."""

    member: Member
    held_out: bool


@dataclass(frozen=True, slots=True)
class Holdout:
    """Keeps `basis_points` of 10,000 customers out, chosen by their ids alone.

    Sticky: the same customers in every campaign; a larger share only adds customers.
    """

    basis_points: int = 0

    @classmethod
    def parse(cls, text: str) -> "Holdout":
        """The holdout of a share such as 10% or 0.1.

        Raises:
            ValueError: no number, not below 100 %, or finer than 0.01 %.
        """
        number, percent, rest = text.strip().partition("%")
        try:
            share = Decimal(number) / (100 if percent else 1)
        except InvalidOperation:
            share = Decimal("NaN")
        if rest or not share.is_finite() or not 0 <= share < 1:
            raise ValueError("must be a share from 0 up to less than 100 %, such as 10% or 0.1")
        points = share * BUCKETS
        if points != int(points):
            raise ValueError("is finer than 0.01 %")
        return cls(int(points))

    def keeps_out(self, customer_id: str) -> bool:
        """Whether the customer is in the control group."""
        return bucket(customer_id) < self.basis_points

    def assign(self, members: Sequence[Member]) -> list[Listed]:
        """The members in order, each with whether the customer is held out."""
        return [Listed(member, self.keeps_out(member.customer_id)) for member in members]


def bucket(customer_id: str) -> int:
    """A stable, even number in [0, 10,000) for each customer."""
    digest = hashlib.blake2b(customer_id.encode(), digest_size=8, salt=b"holdout").digest()
    return int.from_bytes(digest) % BUCKETS

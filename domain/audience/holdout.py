"""Holdout: a control group whom no campaign reaches, the same customers every time."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.audience.member import Member
from domain.values import BUCKETS, basis_points_of, bucket

_SALT = b"holdout"


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
        points = basis_points_of(text)
        if points == BUCKETS:
            raise ValueError("must be below 100 %, or nobody is reached")
        return cls(points)

    def keeps_out(self, customer_id: str) -> bool:
        """Whether the customer is in the control group."""
        return bucket(customer_id, _SALT) < self.basis_points

    def assign(self, members: Sequence[Member]) -> list[Listed]:
        """The members in order, each with whether the customer is held out."""
        return [Listed(member, self.keeps_out(member.customer_id)) for member in members]

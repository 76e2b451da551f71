"""A customer of an audience, and how many of some are expected to buy."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.prediction import Arm

_STEPS = float(2**60)
"""Steps between 0 and 1: to multiply by a power of two loses nothing of a float."""


@dataclass(frozen=True, slots=True)
class Member:
    """One customer of the audience; `probability` None is unread, which is not zero.

    `arm` is which version answers, or would.
    """

    customer_id: str
    probability: float | None
    arm: Arm = Arm.CHAMPION


@dataclass(frozen=True, slots=True)
class Expectation:
    """A sum of probabilities that is the same in whatever order they come, and wherever.

    Held in `steps` of 2**-60: what is smaller is dropped, less than a buyer of 10**17 customers.
    """

    steps: int = 0

    @classmethod
    def of(cls, members: Iterable[Member]) -> "Expectation":
        """How many of these members are expected to buy; the unread count for nothing."""
        return cls(sum(int((member.probability or 0.0) * _STEPS) for member in members))

    def __add__(self, other: "Expectation") -> "Expectation":
        return Expectation(self.steps + other.steps)

    @property
    def buyers(self) -> float:
        """The sum."""
        return self.steps / _STEPS


NO_BUYERS = Expectation()

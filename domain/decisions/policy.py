"""Decisions: what to do about a probability, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Reason(StrEnum):
    """Why a policy decided as it did."""

    IN_RANGE = "in_range"
    BELOW_RANGE = "below_range"
    ABOVE_RANGE = "above_range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to act on a propensity under a named policy, and why."""

    policy: str
    show: bool
    reason: Reason
    min_probability: float
    max_probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Act when min_probability <= probability <= max_probability.

    A range, not a threshold: those who buy anyway need no promotion.

    Raises:
        ValueError: the range is empty or leaves [0, 1].
    """

    name: str
    min_probability: float
    max_probability: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_probability <= self.max_probability <= 1.0:
            raise ValueError(
                f"policy {self.name!r} needs 0 <= min <= max <= 1, "
                f"not [{self.min_probability}, {self.max_probability}]"
            )

    def shows(self, probabilities: "NDArray[np.float64]") -> "NDArray[np.bool_]":
        """Whether each would be acted on, as `decide` says. Shape: (n,) float64 to (n,) bool."""
        return (probabilities >= self.min_probability) & (probabilities <= self.max_probability)

    def acts_on(self, probability: float, above: Callable[[int], float], /) -> bool:
        """Whether the probability lies in the range, wherever others lie; as TopShare.acts_on."""
        del above
        return self.min_probability <= probability <= self.max_probability

    def decide(self, probability: float) -> Decision:
        """The decision for one probability.

        Raises:
            ValueError: it is not in [0, 1], so it is no probability.
        """
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"{probability} is no probability")
        if probability < self.min_probability:
            reason = Reason.BELOW_RANGE
        elif probability > self.max_probability:
            reason = Reason.ABOVE_RANGE
        else:
            reason = Reason.IN_RANGE
        return Decision(
            policy=self.name,
            show=reason is Reason.IN_RANGE,
            reason=reason,
            min_probability=self.min_probability,
            max_probability=self.max_probability,
        )

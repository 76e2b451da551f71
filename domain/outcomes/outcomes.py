"""Logged decisions with what came of them, as columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from domain.prediction import Arm


class NotJoined(StrEnum):
    """Why a decision has no outcome here."""

    NOT_DUE = "not_due"
    ERASED = "erased"
    BEYOND_RETENTION = "beyond_retention"
    NO_PROPENSITY = "no_propensity"
    NOT_SAMPLED = "not_sampled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Decisions of one kind. `version` and `arm` are None of customers whom a flag held out."""

    version: int | None
    arm: Arm | None
    flag: str | None
    acted: bool
    horizon_days: int

    @property
    def held_out(self) -> bool:
        """Whether these customers got a flag's default and were not scored."""
        return self.version is None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Decisions of one model whose horizon has passed, and whether the customer bought.

    Shape: all (n,): stratum and customer int64, places in `strata` and among the customers; as_of
    int64, microseconds since the epoch, UTC; probability float64, NaN of who was held out; bought
    bool. `read` decisions were in the log, of every model; `not_joined` counts those of this model
    that have no outcome. Of all customers a share of `sampled` was taken, by lot.
    """

    strata: Sequence[Stratum]
    stratum: NDArray[np.int64]
    customer: NDArray[np.int64]
    as_of: NDArray[np.int64]
    probability: NDArray[np.float64]
    bought: NDArray[np.bool_]
    read: int
    not_joined: Mapping[NotJoined, int]
    sampled: float

    def __len__(self) -> int:
        """The number of decisions."""
        return len(self.bought)

    def of(self, chosen: Callable[[Stratum], bool]) -> NDArray[np.bool_]:
        """Which decisions are of such a kind. Shape: (n,) bool."""
        kinds = np.array([chosen(each) for each in self.strata], dtype=np.bool_)
        found: NDArray[np.bool_] = kinds[self.stratum]
        return found

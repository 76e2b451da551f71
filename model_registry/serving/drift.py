"""Drift of a version on a day: customers asked about, against those of training or of another day."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from domain.drift import FEWEST, Comparison, Reference, Sample, compare
from model_registry.serving.asked import AskedDays, rendered


class DriftState(StrEnum):
    """What can be said of a version on a day."""

    NONE = "none"
    DRIFT = "drift"
    NOT_ENOUGH = "not enough"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDrift:
    """What was found of a version on a day; without a comparison, `why_not` says why there is none.

    `against` is the day it was compared with; None: training. `customers` is how many were counted,
    and `independent` as how many they count at the least: a customer may be in several processes.
    """

    version: int
    day: int
    against: int | None
    processes: int = 0
    customers: int = 0
    independent: float = 0.0
    comparison: Comparison | None = None
    why_not: str = ""
    state: DriftState = DriftState.UNKNOWN


def drift_on(  # noqa: PLR0913  # whose, which, when
    days: AskedDays,
    name: str,
    version: int,
    reference: Reference | None,
    *,
    day: int,
    against: int | None = None,
) -> VersionDrift:
    """The drift of a version on that day, against its training, or against another day.

    Raises:
        CorruptRegistry: what was counted is damaged.
        StoreUnavailable: the store did not answer.
    """
    if reference is None:
        return VersionDrift(version=version, day=day, against=against, why_not=_NO_REFERENCE)
    now = days.of(name, version, day, like=reference)
    one, other = reference.sample, _together(reference, now)
    if against is not None:
        one = _together(reference, days.of(name, version, against, like=reference))
    comparison = compare(reference.named_bins, one, other)
    if comparison is None:
        state = DriftState.NOT_ENOUGH
    else:
        state = DriftState.DRIFT if comparison.drifted else DriftState.NONE
    return VersionDrift(
        version=version,
        day=day,
        against=against,
        processes=len(now),
        customers=int(other.tally[0].sum()),
        independent=other.customers,
        comparison=comparison,
        why_not="" if comparison else _why_not(one, other, against),
        state=state,
    )


def newest_drift(
    days: AskedDays, name: str, version: int, reference: Reference | None, *, today: int
) -> VersionDrift:
    """The drift of a version today; of yesterday, until enough customers were asked about today.

    Raises:
        CorruptRegistry: what was counted is damaged.
        StoreUnavailable: the store did not answer.
    """
    found = drift_on(days, name, version, reference, day=today)
    if found.state is not DriftState.NOT_ENOUGH:
        return found
    yesterday = drift_on(days, name, version, reference, day=today - 1)
    return found if yesterday.comparison is None else yesterday


_NO_REFERENCE = (
    "the version does not say how its inputs were spread at training; train it again, or package it "
    "again with `propensity models package`"
)


def _together(reference: Reference, tallies: Sequence[NDArray[np.int64]]) -> Sample:
    """What all processes counted; nobody where there are none."""
    return Sample.of(tallies or [np.zeros_like(reference.tally)])


def _why_not(then: Sample, now: Sample, against: int | None) -> str:
    if now.customers < FEWEST:
        return f"{_worth(now)} on that day; at least {FEWEST} are needed"
    when = "at training" if against is None else f"on {rendered(against)}"
    return f"{_worth(then)} {when}; at least {FEWEST} are needed"


def _worth(sample: Sample) -> str:
    counted = int(sample.tally[0].sum())
    several = (
        "" if sample.customers == counted else f" in all processes, {sample.customers:.0f} surely"
    )
    return f"{counted:,} customers{several}"

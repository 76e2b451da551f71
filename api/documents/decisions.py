"""Logged decisions as documents, and what a log holds."""

from typing import Annotated

from msgspec import Meta, Struct

from domain.decision_log import LoggedDecision, LoggedHour, Tidied
from domain.prediction import Arm
from domain.values import instant


class ScoredReport(Struct, frozen=True, kw_only=True):
    """What a model said."""

    model: str
    version: int
    revision: int
    arm: Arm
    horizon_days: int
    category: str | None
    features: Annotated[
        list[float], Meta(description="In the version's order; none: the customer was erased.")
    ]
    probability: float


class DecisionReport(Struct, frozen=True, kw_only=True):
    """One answer as it was logged."""

    decision_id: str
    as_of: Annotated[str, Meta(description="RFC 3339, UTC.")]
    route: str
    customer_id: Annotated[str | None, Meta(description="null: the customer was erased.")]
    flag: str | None
    variant: str | None
    acted: bool
    held_out: bool
    scored: Annotated[
        ScoredReport | None, Meta(description="null: held out, or no propensity was to be had.")
    ]

    @classmethod
    def of(cls, decision: LoggedDecision) -> "DecisionReport":
        """The decision as it is shown."""
        scored = decision.scored
        return cls(
            decision_id=decision.decision_id,
            as_of=instant.render(decision.as_of),
            route=decision.route,
            customer_id=decision.customer_id,
            flag=decision.flag,
            variant=decision.variant,
            acted=decision.acted,
            held_out=decision.held_out,
            scored=None
            if scored is None
            else ScoredReport(
                model=scored.model,
                version=scored.version,
                revision=scored.revision,
                arm=scored.arm,
                horizon_days=scored.horizon_days,
                category=scored.category,
                features=list(scored.features),
                probability=scored.probability,
            ),
        )


class LoggedHourReport(Struct, frozen=True, kw_only=True):
    """How much is logged of one hour."""

    hour: Annotated[str, Meta(description="Its first instant. RFC 3339, UTC.")]
    files: int
    decisions: int
    size_bytes: int

    @classmethod
    def of(cls, hour: LoggedHour) -> "LoggedHourReport":
        """The hour as it is shown."""
        return cls(
            hour=instant.render(hour.hour),
            files=hour.files,
            decisions=hour.decisions,
            size_bytes=hour.size_bytes,
        )


class TidiedReport(Struct, frozen=True, kw_only=True):
    """What one run did to the log."""

    hours_merged: Annotated[int, Meta(description="Became one file each.")]
    hours_removed: Annotated[int, Meta(description="Were older than is kept.")]
    files_removed: int
    decisions_erased: Annotated[int, Meta(description="Lost their customer and their features.")]
    erasures_done: Annotated[int, Meta(description="Nothing of these customers is left.")]
    erasures_left: Annotated[
        int, Meta(description="Go on: run it again two hours after they were asked for.")
    ]

    @classmethod
    def of(cls, tidied: Tidied) -> "TidiedReport":
        """The run as it is shown."""
        return cls(
            hours_merged=tidied.hours_merged,
            hours_removed=tidied.hours_removed,
            files_removed=tidied.files_removed,
            decisions_erased=tidied.decisions_erased,
            erasures_done=tidied.erasures_done,
            erasures_left=tidied.erasures_left,
        )

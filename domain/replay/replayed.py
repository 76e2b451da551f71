"""What became of a decision that was computed again."""

from dataclasses import dataclass
from enum import StrEnum

from domain.decision_log import LoggedDecision


class Verdict(StrEnum):
    """How the second computation compares with the first, to the last bit."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_COMPUTED = "not_computed"
    NOTHING_TO_REPLAY = "nothing_to_replay"


class Cause(StrEnum):
    """Why a decision cannot be repeated, or comes out differently."""

    LATE_PURCHASE = "late_purchase"
    LATE_REFUND = "late_refund"
    CANCELLED = "cancelled"
    ERASED = "erased"
    BEYOND_RETENTION = "beyond_retention"
    OTHER_SCORES = "other_scores"
    VERSION_GONE = "version_gone"
    VERSION_REFUSED = "version_refused"
    MISFIT = "misfit"


EXPECTED = frozenset(
    {Cause.LATE_PURCHASE, Cause.LATE_REFUND, Cause.CANCELLED, Cause.ERASED, Cause.BEYOND_RETENTION}
)
"""What customers and shops do. Any other cause is for somebody to look at."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A cause, what speaks for it, and the ids of the purchases or refunds that it is about."""

    cause: Cause
    detail: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """A feature, or the probability, as it was logged and as it is computed now."""

    name: str
    logged: float
    computed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One decision computed again; `changed` says what differs, `evidence` why it may."""

    decision: LoggedDecision
    verdict: Verdict
    changed: tuple[Changed, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    @property
    def explained(self) -> bool:
        """Whether nothing is left to look at: it is equal, or customers or shops changed it."""
        if self.verdict in {Verdict.EQUAL, Verdict.NOTHING_TO_REPLAY}:
            return True
        return bool(self.evidence) and all(each.cause in EXPECTED for each in self.evidence)

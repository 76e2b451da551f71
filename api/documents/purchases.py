"""What became of purchases."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from api.documents.cost import CostUsed, cost_used
from domain.cost import Cost
from domain.purchases import Outcome, PurchaseOutcome


class PurchaseReport(Struct, frozen=True, kw_only=True):
    """What became of one purchase."""

    position: Annotated[int, Meta(ge=0, description="The purchase's place in the list, from 0.")]
    outcome: Annotated[
        Outcome,
        Meta(
            description="recorded: written now. duplicate: the same purchase was written before. "
            "conflict: the id is taken by another payload. cancelled: it was cancelled before, for "
            "good. erased: the customer was erased, and nothing of them is taken for a while. "
            "rejected: it breaks a rule."
        ),
    ]
    purchase_id: Annotated[str | None, Meta(description="As sent, where it is text.")]
    field: Annotated[str | None, Meta(description="The first field that breaks a rule.")]
    reason: Annotated[str | None, Meta(description="Which rule, and what was seen.")]

    @classmethod
    def of(cls, outcome: PurchaseOutcome) -> "PurchaseReport":
        """The outcome as it travels."""
        return cls(
            position=outcome.position,
            outcome=outcome.outcome,
            purchase_id=encodable(outcome.purchase_id),
            field=encodable(outcome.field),
            reason=outcome.reason,
        )


class RecordingReport(Struct, frozen=True, kw_only=True):
    """Counts, one outcome per purchase in the order sent, and what recording them cost."""

    recorded: Annotated[int, Meta(ge=0)]
    duplicate: Annotated[int, Meta(ge=0)]
    conflict: Annotated[int, Meta(ge=0)]
    cancelled: Annotated[int, Meta(ge=0)]
    erased: Annotated[int, Meta(ge=0)]
    rejected: Annotated[int, Meta(ge=0)]
    outcomes: list[PurchaseReport]
    cost: CostUsed

    @classmethod
    def of(cls, outcomes: Sequence[PurchaseOutcome], cost: Cost) -> "RecordingReport":
        """The outcomes as they travel."""
        kinds = [outcome.outcome for outcome in outcomes]
        return cls(
            **{str(kind): kinds.count(kind) for kind in Outcome},
            outcomes=[PurchaseReport.of(outcome) for outcome in outcomes],
            cost=cost_used(cost),
        )


def encodable(text: str | None) -> str | None:
    """The text with lone surrogates, which JSON can carry and UTF-8 cannot, spelt out."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()

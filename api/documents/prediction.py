"""What travels over HTTP: one struct per answer."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.cost import Cost, Units
from domain.customers import Receipt
from domain.decisions import Reason
from domain.prediction import Arm, Prediction, ServedModel, Traffic
from domain.purchases import Cancelling, Outcome, PurchaseOutcome
from domain.values import instant

Probability = Annotated[float, Meta(ge=0.0, le=1.0)]


class DecisionMade(Struct, frozen=True, kw_only=True):
    """Whether to act on the probability, under which policy, and why."""

    policy: Annotated[str, Meta(description="The policy's name.")]
    show: Annotated[bool, Meta(description="Whether the policy says to act: to show the banner.")]
    reason: Annotated[Reason, Meta(description="Where the probability lies in the range.")]
    min_probability: Annotated[Probability, Meta(description="The range's lower edge, inclusive.")]
    max_probability: Annotated[Probability, Meta(description="The range's upper edge, inclusive.")]


class ModelUsed(Struct, frozen=True, kw_only=True):
    """Which model version answers, and as what: enough to repeat the answer."""

    name: Annotated[str, Meta(description="The model's name in the registry.")]
    version: Annotated[int, Meta(description="The immutable version that scored.")]
    revision: Annotated[int, Meta(description="The registry revision that made it live.")]
    arm: Annotated[
        Arm, Meta(description="As champion, or as the challenger of a share of the customers.")
    ]

    @classmethod
    def of(cls, model: ServedModel) -> "ModelUsed":
        """The model as it travels."""
        return cls(name=model.name, version=model.version, revision=model.revision, arm=model.arm)

    @classmethod
    def all_of(cls, traffic: Traffic) -> "list[ModelUsed]":
        """The models that answer customers, as they travel; the champion first."""
        return [cls.of(model) for model in traffic.answering.values()]


class UnitsUsed(Struct, frozen=True, kw_only=True):
    """DynamoDB's units of reading or of writing."""

    measured: Annotated[float, Meta(ge=0, description="As the store reported them.")]
    computed: Annotated[float, Meta(ge=0, description="Computed from sizes where it did not.")]

    @classmethod
    def of(cls, units: Units) -> "UnitsUsed":
        """The units as they travel."""
        return cls(measured=units.measured, computed=units.computed)


class CostUsed(Struct, frozen=True, kw_only=True):
    """What the calls to the store came to, retries and refusals included.

    Predictions that are asked for at the same moment may share a call: its units are split evenly.
    """

    round_trips: Annotated[
        int, Meta(ge=0, description="Calls to the store; a shared one counts for one request.")
    ]
    read_units: UnitsUsed
    write_units: UnitsUsed


def cost_used(cost: Cost) -> CostUsed:
    """The cost so far as it travels."""
    return CostUsed(
        round_trips=cost.round_trips,
        read_units=UnitsUsed.of(cost.reads),
        write_units=UnitsUsed.of(cost.writes),
    )


class CustomerPropensity(Struct, frozen=True, kw_only=True):
    """One customer's propensity to buy, with everything needed to explain it."""

    customer_id: Annotated[str, Meta(description="The customer asked for.")]
    probability: Annotated[
        Probability, Meta(description="That the customer buys within `horizon_days` of `as_of`.")
    ]
    horizon_days: Annotated[int, Meta(description="How far ahead 'will buy' looks.")]
    as_of: Annotated[
        str,
        Meta(
            description="RFC 3339, UTC: no later purchase counts.",
            examples=["2026-01-31T09:30:00Z"],
        ),
    ]
    decision: DecisionMade
    features: Annotated[
        dict[str, float], Meta(description="What the model saw, by name; money in major units.")
    ]
    purchases_read: Annotated[
        int, Meta(ge=0, description="Purchases within the longest window of the features.")
    ]
    history: Annotated[
        Literal["purchases", "empty"],
        Meta(description="'empty': no purchase in the window; an unknown customer is no error."),
    ]
    model: ModelUsed
    cost: CostUsed

    @classmethod
    def of(cls, prediction: Prediction, cost: Cost) -> "CustomerPropensity":
        """The prediction as it travels."""
        decision, model = prediction.decision, prediction.model
        return cls(
            customer_id=prediction.customer_id,
            probability=prediction.probability,
            horizon_days=model.horizon_days,
            as_of=instant.render(prediction.as_of),
            decision=DecisionMade(
                policy=decision.policy,
                show=decision.show,
                reason=decision.reason,
                min_probability=decision.min_probability,
                max_probability=decision.max_probability,
            ),
            features=dict(prediction.features),
            purchases_read=prediction.purchases_read,
            history="purchases" if prediction.purchases_read else "empty",
            model=ModelUsed.of(model),
            cost=cost_used(cost),
        )


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


class CancellationReport(Struct, frozen=True, kw_only=True):
    """What became of one cancellation, and what it cost."""

    outcome: Annotated[
        Cancelling,
        Meta(
            description="cancelled: now, recorded or not. already_cancelled: before this call. "
            "erased: the customer was erased, and nothing of them is kept or taken for a while."
        ),
    ]
    cost: CostUsed


class ErasureReceipt(Struct, frozen=True, kw_only=True):
    """What an erasure removed, until when nothing of the customer is taken, and what it cost.

    It does not name the customer, so that it may be kept.
    """

    complete: Annotated[bool, Meta(description="Nothing is left; false: ask again to go on.")]
    erased_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    suppressed_until: Annotated[
        str | None,
        Meta(
            description="Purchases are taken again from then on; null: not before it is complete."
        ),
    ]
    purchases: Annotated[int, Meta(ge=0, description="Removed now.")]
    cancelled: Annotated[int, Meta(ge=0, description="Cancellations removed now.")]
    recent_purchases: Annotated[int, Meta(ge=0, description="Removed now; copies of purchases.")]
    cost: CostUsed

    @classmethod
    def of(cls, receipt: Receipt, cost: Cost) -> "ErasureReceipt":
        """The receipt as it travels."""
        until = receipt.suppressed_until
        return cls(
            complete=receipt.erased.complete,
            erased_at=instant.render(receipt.at),
            suppressed_until=None if until is None else instant.render(until),
            purchases=receipt.erased.purchases,
            cancelled=receipt.erased.cancelled,
            recent_purchases=receipt.erased.recent_purchases,
            cost=cost_used(cost),
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


class Alive(Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["alive"]


class Ready(Struct, frozen=True, kw_only=True):
    """Everything needed to answer is there; each check says 'ok'."""

    status: Literal["ready"]
    checks: dict[str, str]


class FieldError(Struct, frozen=True, kw_only=True):
    """One input that cannot be accepted."""

    field: Annotated[str, Meta(description="Where.")]
    reason: Annotated[str, Meta(description="Why, and what would be accepted.")]


class Problem(Struct, frozen=True, kw_only=True):
    """Why there is no answer. Source: RFC 9457."""

    type: Annotated[
        str,
        Meta(
            description="Stable name of the kind of problem.",
            pattern="^urn:propensity:problem:[a-z0-9-]+$",
        ),
    ]
    title: Annotated[str, Meta(description="The same for every problem of this status.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="What happened this time.")]
    errors: Annotated[
        list[FieldError] | UnsetType, Meta(description="Which inputs to change, where that helps.")
    ] = UNSET
    outcomes: Annotated[
        list[PurchaseReport | None] | UnsetType,
        Meta(description="Partly recorded: what is known; null means unanswered, send it again."),
    ] = UNSET
    checks: Annotated[
        dict[str, str] | UnsetType, Meta(description="Not ready: every check, 'ok' or the trouble.")
    ] = UNSET


def encodable(text: str | None) -> str | None:
    """The text with lone surrogates, which JSON can carry and UTF-8 cannot, spelt out."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()

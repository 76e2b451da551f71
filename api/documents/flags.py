"""What travels about flags: the bodies of OFREP 0.3. Source: OpenFeature, protocol, openapi.yaml."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from domain.decisions import FlagValue
from domain.prediction import Because, FlagDecision
from domain.values import Consistency


class EvaluationRequest(Struct, frozen=True, kw_only=True):
    """For whom flags are to be evaluated."""

    context: Annotated[
        dict[str, Any],
        Meta(description="`targetingKey` is the customer's id; anything else is not looked at."),
    ]


class FlagEvaluation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The variant that one flag has for one customer."""

    key: str
    value: bool | str | int | float | dict[str, Any]
    variant: str
    reason: Annotated[
        Because, Meta(description="SPLIT: held out. ERROR: not decided in time; the default.")
    ]
    metadata: Annotated[
        dict[str, str] | UnsetType,
        Meta(
            description="`cause`: what kept the flag from being decided. `decisionId`: under which "
            "it is in the log of decisions; absent where it is not. `consistency`: eventual, where "
            "the customer was read so."
        ),
    ] = UNSET

    @classmethod
    def of(cls, decision: FlagDecision, decision_id: str | None = None) -> "FlagEvaluation":
        """The decision as it travels: never a probability, a feature or a purchase."""
        value: FlagValue = decision.value
        metadata = {} if decision.cause is None else {"cause": str(decision.cause)}
        read = decision.prediction and decision.prediction.consistency
        if read is Consistency.EVENTUAL:
            metadata["consistency"] = str(read)
        if decision_id is not None:
            metadata["decisionId"] = decision_id
        return cls(
            key=decision.key,
            value=value if isinstance(value, bool | str | int | float) else dict(value),
            variant=decision.variant,
            reason=decision.reason,
            metadata=metadata or UNSET,
        )


class BulkEvaluation(Struct, frozen=True, kw_only=True):
    """Every flag that is declared."""

    flags: list[FlagEvaluation]


class EvaluationFailure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why nothing was evaluated."""

    error_code: str = field(name="errorCode")
    error_details: str = field(name="errorDetails")
    key: str | UnsetType = UNSET


class GeneralFailure(Struct, frozen=True, kw_only=True):
    """Our own fault."""

    error_details: str = field(name="errorDetails")

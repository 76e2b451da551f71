"""Why there is no answer."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from api.documents.purchases import PurchaseReport


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

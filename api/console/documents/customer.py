"""One customer as a person sees them: bought what, scored how, decided what."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.console.documents.audience import meaning_in
from api.console.wording import percent
from domain.customers import FoundCustomer
from domain.decisions import Flag, TopShare
from domain.errors import InvalidRequest
from domain.features import AnyFeature
from domain.prediction import Contribution, FlagDecision, Prediction, Traffic
from domain.purchases import Purchase, refunded_minor
from domain.values import BUCKETS, MICROS_PER_DAY, Currency

Instant = Annotated[int, Meta(description="Microseconds since the epoch, UTC.")]


class SeenPurchase(Struct, frozen=True, kw_only=True):
    """One purchase; money in minor units of the page's currency."""

    purchase_id: str
    at: Instant
    category: str
    amount_minor: int
    refunded_minor: Annotated[int, Meta(description="Of the amount, given back so far.")]

    @classmethod
    def of(cls, purchase: Purchase) -> "SeenPurchase":
        """The purchase as it is shown."""
        return cls(
            purchase_id=purchase.purchase_id,
            at=purchase.purchased_at,
            category=purchase.category,
            amount_minor=purchase.amount_minor,
            refunded_minor=refunded_minor(purchase.refunds),
        )


class SeenTotals(Struct, frozen=True, kw_only=True):
    """Everything ever bought, without what was refunded in full; money in minor units."""

    purchases: int
    volume_minor: int
    first_at: Instant | None
    last_at: Instant | None


class SeenFeature(Struct, frozen=True, kw_only=True):
    """One feature of the customer, and what it adds to the score beside an average customer.

    `shown` and `usual` are `value` and `average` in the feature's own unit, before any transform.
    """

    feature: str
    meaning: str
    value: Annotated[float, Meta(description="What the model sees.")]
    shown: float
    average: Annotated[float | None, Meta(description="The mean in training.")] = None
    usual: float | None = None
    log_odds: Annotated[float | None, Meta(description="What the difference adds.")] = None

    @classmethod
    def of(
        cls, feature: AnyFeature, value: float, added: Contribution | None, category: str | None
    ) -> "SeenFeature":
        """The feature as it is shown."""
        average = None if added is None else added.average
        return cls(
            feature=feature.name,
            meaning=meaning_in(feature, category),
            value=value,
            shown=feature.shape.undone(value),
            average=average,
            usual=None if average is None else feature.shape.undone(average),
            log_odds=None if added is None else added.log_odds,
        )


class SeenScore(Struct, frozen=True, kw_only=True):
    """How likely the customer is to buy within `horizon_days`, by which version, and why."""

    model: str
    version: int
    arm: str
    category: str | None
    probability: float
    horizon_days: int
    base_rate: Annotated[float | None, Meta(description="How many bought, in training.")]
    features: Annotated[list[SeenFeature], Meta(description="The largest contribution first.")]
    unexplained: Annotated[str | None, Meta(description="Why there are no contributions.")]
    windows: Annotated[list[int], Meta(description="Whole days that features look back.")]

    @classmethod
    def of(cls, prediction: Prediction) -> "SeenScore":
        """The prediction as it is shown."""
        model, base_rate, unexplained = prediction.model, None, None
        added: dict[str, Contribution] = {}
        try:
            found = prediction.explained()
        except InvalidRequest as exc:
            unexplained = f"{exc.field} {exc.reason}"
        else:
            base_rate = found.base_rate
            added = {each.feature: each for each in found.contributions}
        features = {each.name: each for each in model.features.features}
        return cls(
            model=model.name,
            version=model.version,
            arm=model.arm,
            category=prediction.category,
            probability=prediction.probability,
            horizon_days=model.horizon_days,
            base_rate=base_rate,
            features=[
                SeenFeature.of(
                    features[name], prediction.features[name], added.get(name), prediction.category
                )
                for name in added or prediction.features
            ],
            unexplained=unexplained,
            windows=_windows(prediction),
        )


class SeenFlag(Struct, frozen=True, kw_only=True):
    """What one flag gives the customer, and why."""

    flag: str
    variant: str
    acts: Annotated[bool, Meta(description="Whether it is the variant of whom the policy acts on.")]
    reason: Annotated[str, Meta(description="Of OpenFeature, such as TARGETING_MATCH.")]
    why: Annotated[str, Meta(description="The reason in words.")]
    held_out: Annotated[bool, Meta(description="Always the default, to see whether acting helps.")]
    probability: float | None
    by: Annotated[str | None, Meta(description="The version that the decision rests on.")]

    @classmethod
    def of(cls, customer_id: str, flag: Flag, decision: FlagDecision) -> "SeenFlag":
        """The decision as it is shown."""
        found = decision.prediction
        return cls(
            flag=flag.key,
            variant=decision.variant,
            acts=decision.variant == flag.act,
            reason=decision.reason,
            why=_why(flag, decision, held_out=flag.holds_out(customer_id)),
            held_out=flag.holds_out(customer_id),
            probability=None if found is None else found.probability,
            by=None if found is None else f"{found.model.name}, version {found.model.version}",
        )


class ModelToAsk(Struct, frozen=True, kw_only=True):
    """A model that serves here; `targeted`: it says who buys in one category, and is told which."""

    model: str
    targeted: bool

    @classmethod
    def of(cls, traffic: Traffic) -> "ModelToAsk":
        """The model that answers now."""
        return cls(model=traffic.name, targeted=traffic.champion.features.targeted)


class CustomerPage(Struct, frozen=True, kw_only=True):
    """One customer.

    `bought`: there are purchases. `nothing`: the customer is known, and no purchase is left.
    `erased`: nothing is kept or taken until `suppressed_until`. `unknown`: nothing is kept at all.
    """

    customer_id: str
    as_of: Instant
    currency: str
    state: Literal["bought", "nothing", "erased", "unknown"]
    totals: Annotated[SeenTotals | None, Meta(description="Null: they are not known.")]
    purchases: Annotated[list[SeenPurchase], Meta(description="The newest first.")]
    partial: Annotated[bool, Meta(description="There are older purchases than those shown.")]
    suppressed_until: Instant | None
    models: Annotated[list[ModelToAsk], Meta(description="Any of these may be asked.")]
    score: SeenScore | None
    unscored: Annotated[str | None, Meta(description="Why there is no score.")]
    flags: list[SeenFlag]

    @classmethod
    def of(  # noqa: PLR0913  # the parts of one page
        cls,
        found: FoundCustomer,
        *,
        currency: Currency,
        models: Sequence[ModelToAsk],
        score: Prediction | None,
        unscored: str | None,
        flags: Iterable[SeenFlag],
    ) -> "CustomerPage":
        """The customer as they are shown."""
        totals = found.lifetime
        return cls(
            customer_id=found.customer_id,
            as_of=found.as_of,
            currency=currency.code,
            state=_state(found),
            totals=None
            if totals is None
            else SeenTotals(
                purchases=totals.purchases,
                volume_minor=totals.volume_minor,
                first_at=totals.first_at,
                last_at=totals.last_at,
            ),
            purchases=[SeenPurchase.of(each) for each in found.purchases],
            partial=not found.complete,
            suppressed_until=found.suppressed_until,
            models=list(models),
            score=None if score is None else SeenScore.of(score),
            unscored=unscored,
            flags=list(flags),
        )


def _state(found: FoundCustomer) -> Literal["bought", "nothing", "erased", "unknown"]:
    if found.purchases:
        return "bought"
    if found.suppressed_until is not None and found.suppressed_until > found.as_of:
        return "erased"
    return "nothing" if found.known else "unknown"


def _windows(prediction: Prediction) -> list[int]:
    windows = {each for feature in prediction.model.features.features for each in feature.windows}
    return sorted({max(1, round(each.length_us / MICROS_PER_DAY)) for each in windows})


_CAUSES = {
    "timeout": "the score did not come in time, so everybody gets the default",
    "unavailable": "the score could not be had, so everybody gets the default",
}


def _why(flag: Flag, decision: FlagDecision, *, held_out: bool) -> str:
    if held_out:
        return (
            f"held out with {percent(flag.holdout / BUCKETS)} of all customers: always the default"
        )
    if decision.cause is not None:
        return _CAUSES.get(decision.cause, decision.cause)
    inside = "within" if decision.variant == flag.act else "outside"
    if isinstance(flag.policy, TopShare):
        return f"{inside} the likeliest {percent(flag.policy.basis_points / BUCKETS)}"
    low, high = flag.policy.min_probability, flag.policy.max_probability
    return f"{inside} the range from {percent(low)} to {percent(high)}"

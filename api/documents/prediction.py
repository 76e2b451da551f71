"""What travels over HTTP: one struct per answer."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.documents.cost import CostUsed, cost_used
from domain.cost import Cost
from domain.decisions import Reason
from domain.prediction import Arm, Prediction, ServedModel, Traffic
from domain.values import Consistency, instant

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


class FeatureContribution(Struct, frozen=True, kw_only=True):
    """What one feature adds to the log-odds, beside a customer with the average of it."""

    feature: Annotated[str, Meta(description="The feature's name, as in `features`.")]
    meaning: Annotated[str, Meta(description="The feature in plain words.")]
    value: Annotated[float, Meta(description="This customer's.")]
    average: Annotated[float, Meta(description="The mean in training.")]
    log_odds: Annotated[float, Meta(description="What the difference adds.")]


class PropensityExplained(Struct, frozen=True, kw_only=True):
    """Why: parts that add up to the log-odds of the probability, as the version's facts have it."""

    base_rate: Annotated[Probability, Meta(description="How many bought, in training.")]
    base_log_odds: Annotated[float, Meta(description="The log-odds of the base rate.")]
    average_log_odds: Annotated[
        float, Meta(description="What a customer with the average of every feature differs by.")
    ]
    contributions: Annotated[
        list[FeatureContribution], Meta(description="Of each feature; the largest first.")
    ]
    log_odds: Annotated[float, Meta(description="The sum of all these.")]

    @classmethod
    def of(cls, prediction: Prediction) -> "PropensityExplained":
        """The explanation as it travels.

        Raises:
            InvalidRequest: the version says nothing about its coefficients.
        """
        found = prediction.explained()
        meanings = {each.name: each.meaning for each in prediction.model.features.features}
        return cls(
            base_rate=found.base_rate,
            base_log_odds=found.base_log_odds,
            average_log_odds=found.average_log_odds,
            contributions=[
                FeatureContribution(
                    feature=each.feature,
                    meaning=meanings[each.feature],
                    value=each.value,
                    average=each.average,
                    log_odds=each.log_odds,
                )
                for each in found.contributions
            ],
            log_odds=found.log_odds,
        )


class CustomerPropensity(Struct, frozen=True, kw_only=True):
    """One customer's propensity to buy, with everything needed to explain it."""

    customer_id: Annotated[str, Meta(description="The customer asked for.")]
    probability: Annotated[
        Probability, Meta(description="That the customer buys within `horizon_days` of `as_of`.")
    ]
    category: Annotated[
        str | None, Meta(description="In which category; null: anything counts as a purchase.")
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
    purchases_read: Annotated[int, Meta(ge=0, description="Purchases that the features look at.")]
    history: Annotated[
        Literal["purchases", "empty"],
        Meta(description="'empty': there is none of those; an unknown customer is no error."),
    ]
    consistency: Annotated[
        Consistency,
        Meta(description="How purchases were read; eventual: one of a moment ago may be missing."),
    ]
    model: ModelUsed
    cost: CostUsed
    explanation: Annotated[
        PropensityExplained | None, Meta(description="Only where it is asked for.")
    ] = None
    decision_id: Annotated[
        str | None,
        Meta(description="Under which the answer is in the log of decisions; null: it is not."),
    ] = None

    @classmethod
    def of(
        cls, prediction: Prediction, cost: Cost, *, explain: bool = False
    ) -> "CustomerPropensity":
        """The prediction as it travels.

        Raises:
            InvalidRequest: it is to be explained, and cannot be.
        """
        decision, model = prediction.decision, prediction.model
        return cls(
            customer_id=prediction.customer_id,
            probability=prediction.probability,
            category=prediction.category,
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
            consistency=prediction.consistency,
            model=ModelUsed.of(model),
            cost=cost_used(cost),
            explanation=PropensityExplained.of(prediction) if explain else None,
        )

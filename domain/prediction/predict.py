"""Predict one customer's propensity, now or as of a past instant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.decisions import Policy
from domain.errors import InvalidRequest
from domain.prediction.propensity import Prediction, ServedModel
from domain.prediction.shared_scores import SharedScores
from domain.prediction.traffic import Traffic
from domain.purchases import CLOCK_SKEW_US, EARLIEST, Purchase, customer_id_of
from domain.values import MICROS_PER_SECOND, Clock, Consistency


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer as shadows see it: the purchases until `as_of`, as far back as any model looks.

    `probability` is what `model` answered, `show` what the policy decided on it. `category` is what
    was asked about.
    """

    traffic: Traffic
    model: ServedModel
    category: str | None
    purchases: Sequence[Purchase]
    as_of: int
    probability: float
    show: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictPropensity:
    """Reads the window, computes the features, scores them, decides: each exactly once.

    `traffic` gives the versions of a model that serve now, or raises NoLiveModel; it is asked once
    per prediction, so that one answer never mixes versions. `observe` hands what was answered to the
    shadows, if there are any; `answered` is told of every prediction. Neither ever raises.
    Customers are read with `consistency` where nobody asks for another.
    """

    score: SharedScores
    traffic: Callable[[str | None], Traffic]
    policy: Policy
    clock: Clock
    observe: Callable[[Observation], object] = lambda _: None
    answered: Callable[[Prediction], object] = lambda _: None
    consistency: Consistency = Consistency.STRONG

    async def __call__(
        self,
        customer_id: str,
        /,
        *,
        as_of: int | None = None,
        model: str | None = None,
        category: str | None = None,
        consistency: Consistency | None = None,
    ) -> Prediction:
        """The propensity as known at `as_of` (microseconds since the epoch; default: now).

        By the model of that name, else the first that serves. A model of purchases within a category needs to know which; any other one takes none.

        Raises:
            InvalidRequest: the customer id, as_of, the model or the category breaks a rule.
            NoLiveModel: nothing is promoted and loaded.
            StoreUnavailable: the whole window could not be read; no answer from a part.
            CorruptRecord: a stored purchase is none, or the model's score is no probability.
        """
        customer_id = customer_id_of(customer_id)
        now = self.clock()
        as_of = now if as_of is None else as_of
        check_as_of(as_of, now=now)
        traffic = self.traffic(model)
        chosen = traffic.model_for(customer_id)
        check_category(chosen, category)
        consistency = consistency or self.consistency
        scored = await self.score(
            customer_id,
            traffic.reach_for(customer_id),
            as_of,
            chosen,
            category,
            consistency=consistency,
        )
        decision = self.policy.decide(scored.probability)
        if traffic.shadows:
            self.observe(
                Observation(
                    traffic,
                    chosen,
                    category,
                    scored.purchases,
                    as_of,
                    scored.probability,
                    decision.show,
                )
            )
        prediction = Prediction(
            customer_id=customer_id,
            as_of=as_of,
            category=category,
            probability=scored.probability,
            features=dict(zip(chosen.features.names, scored.features, strict=True)),
            purchases_read=scored.purchases_read,
            decision=decision,
            model=chosen,
            consistency=consistency,
        )
        self.answered(prediction)
        return prediction


def check_as_of(as_of: int, *, now: int) -> None:
    """Returns when purchases until `as_of` are known at `now`, microseconds since the epoch.

    Raises:
        InvalidRequest: it lies in the future, or before there were purchases.
    """
    if as_of > now + CLOCK_SKEW_US:
        raise InvalidRequest(
            "as_of",
            f"lies more than {CLOCK_SKEW_US // MICROS_PER_SECOND} s in the future: "
            "purchases until then are not known yet",
        )
    if as_of < EARLIEST:
        raise InvalidRequest("as_of", "lies before the year 2000")


def check_category(model: ServedModel, category: str | None) -> None:
    """Returns when the model can say something about that category, or about none.

    Raises:
        InvalidRequest: it cannot.
    """
    if model.features.targeted and category is None:
        raise InvalidRequest(
            "category", f"is missing: model {model.name} says who buys in a category; name one"
        )
    if category is not None and not model.features.targeted:
        raise InvalidRequest(
            "category",
            f"is none that model {model.name} knows: it says who buys anything; leave it out",
        )

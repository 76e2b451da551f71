"""One decision as it was answered, with everything that is needed to repeat it."""

from dataclasses import dataclass

from domain.prediction.propensity import Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a model said: which version as which arm, of which features, in the version's order.

    `features` are the values in the version's own units, none since the customer was erased.
    `horizon_days` is how far ahead it looks. `category` is the one asked about, for a model that
    says who buys in one.
    """

    model: str
    version: int
    revision: int
    arm: Arm
    horizon_days: int
    category: str | None
    features: tuple[float, ...]
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDecision:
    """One answer to one caller.

    `decision_id` begins with the instant (UUID version 7), so its hour is known. `as_of` is that
    instant, up to which purchases were looked at, in microseconds since the epoch, UTC. `route` is
    a template. `flag` and `variant` stand where a flag was decided. `acted` says whether the policy
    acted: the banner was to be shown. `held_out` customers get the default and are not scored.
    `scored` is None where no propensity was asked, or none could be had. `customer_id` is None
    since the customer was erased.
    """

    decision_id: str
    as_of: int
    route: str
    customer_id: str | None
    flag: str | None
    variant: str | None
    acted: bool
    held_out: bool
    scored: Scored | None

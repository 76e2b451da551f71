"""Propensity: the probability that a customer buys within the horizon."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.decisions import Decision
from domain.features import FeatureSet
from domain.prediction.scorer import Scorer


class Arm(StrEnum):
    """As which alias a version answers."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One checked model version, ready to score.

    `horizon_days` is how far ahead "will buy" looks; `arm` is as what it answers customers.
    """

    name: str
    version: int
    revision: int
    horizon_days: int
    features: FeatureSet
    scorer: Scorer
    arm: Arm = Arm.CHAMPION


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One customer's propensity with everything needed to explain and repeat it.

    Units: `as_of` in microseconds since the epoch, UTC; money features in major units.
    `purchases_read` counts the purchases within the model's longest window; 0 is an empty history.
    """

    customer_id: str
    as_of: int
    probability: float
    features: Mapping[str, float]
    purchases_read: int
    decision: Decision
    model: ServedModel

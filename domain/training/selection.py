"""Selection: which features and which penalty were chosen, and what else was tried."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.training.training_set import TrainingSet


@dataclass(frozen=True, slots=True)
class FeatureTrial:
    """A choice that was tried, and its mean log loss in cross-validation.

    `c` is the inverse of the penalty, as scikit-learn has it.
    """

    name: str
    c: float
    log_loss: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """The choice with the least log loss, and all that were tried."""

    name: str
    training_set: TrainingSet
    c: float
    trials: Sequence[FeatureTrial]

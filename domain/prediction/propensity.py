"""Propensity: the probability that a customer buys within the horizon."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from domain.decisions import Decision
from domain.drift import Reference
from domain.errors import CorruptRecord, InvalidRequest
from domain.features import FeatureSet, Histories
from domain.prediction.explaining import Explanation, LinearFacts
from domain.prediction.scorer import Scorer
from domain.values import BUCKETS, Consistency


class Arm(StrEnum):
    """As which alias a version answers."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One checked model version, ready to score.

    `horizon_days` is how far ahead "will buy" looks; `arm` is as what it answers customers.
    `held_out` are its probabilities of the customers held out at training, ascending. Shape: (n,).
    `reference` is how its inputs were spread then.
    """

    name: str
    version: int
    revision: int
    horizon_days: int
    features: FeatureSet
    scorer: Scorer
    arm: Arm = Arm.CHAMPION
    held_out: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    facts: LinearFacts | None = field(default=None, compare=False, repr=False)
    reference: Reference | None = field(default=None, compare=False, repr=False)
    """What explains its predictions; None: nothing does."""

    def above(self, basis_points: int) -> float:
        """The highest probability outside the top so many of 10,000 held-out customers.

        Below every probability where all are inside.

        Raises:
            CorruptRecord: the version keeps no held-out customers.
        """
        if self.held_out is None:
            raise CorruptRecord(
                f"version {self.version} of {self.name} keeps no held-out customers, so nobody "
                "knows its top share; train it here, or use a range of probabilities"
            )
        outside = len(self.held_out) - len(self.held_out) * basis_points // BUCKETS
        return float(self.held_out[outside - 1]) if outside else -1.0

    def scores(
        self, histories: Histories, as_of: int, *, target: str | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The features of these histories and their probabilities.

        Shape: (rows, features) and (rows,), float64. `as_of` in microseconds since the epoch, UTC.
        `target` is the category asked about, for a model that says who buys in one.

        Raises:
            CorruptRecord: the scorer gave something else than one probability per row.
        """
        matrix = self.features.matrix(histories, as_of, target=target)
        return matrix, self.probabilities(matrix)

    def probabilities(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each row of features. Shape: (rows, features) to (rows,), float64.

        Raises:
            CorruptRecord: the scorer gave something else than one probability per row.
        """
        found = self.scorer.score(matrix)
        who = f"version {self.version} of {self.name}"
        if found.shape != (len(matrix),):
            raise CorruptRecord(f"{who} gave shape {found.shape} for {len(matrix)} rows")
        for score in found.tolist():
            if not 0.0 <= score <= 1.0:  # true for NaN as well
                raise CorruptRecord(f"{who} scored {score}, which is no probability")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One customer's propensity with everything needed to explain and repeat it.

    Units: `as_of` in microseconds since the epoch, UTC; money features in major units.
    `purchases_read` counts the purchases that the model looks at, without those refunded in full; 0
    is an empty history. `category` is the one asked about, if the model says who buys in one.
    `consistency` is that of the read.
    """

    customer_id: str
    as_of: int
    category: str | None
    probability: float
    features: Mapping[str, float]
    purchases_read: int
    decision: Decision
    model: ServedModel
    consistency: Consistency = Consistency.STRONG

    def explained(self) -> Explanation:
        """Why the probability is what it is.

        Raises:
            InvalidRequest: the version says nothing about its coefficients.
        """
        if self.model.facts is None:
            raise InvalidRequest(
                "explain",
                f"is not possible for version {self.model.version} of {self.model.name}: it says "
                "nothing about its coefficients; a logistic regression trained here does",
            )
        return self.model.facts.explain(self.features)

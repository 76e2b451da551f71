"""Explain: what each feature adds to a prediction, in log-odds; exact for a logistic regression."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from domain.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Contribution:
    """One feature's part: its value, that of the average customer, and what the difference adds."""

    feature: str
    value: float
    average: float
    log_odds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Parts that add up to the log-odds of the probability.

    `base_log_odds` are those of the base rate, at training. `average_log_odds` is what a customer
    with the average of every feature differs from it. The rest is in `contributions`, the largest
    first.
    """

    base_rate: float
    base_log_odds: float
    average_log_odds: float
    contributions: tuple[Contribution, ...]

    @property
    def log_odds(self) -> float:
        """The sum of all parts."""
        parts = sum(each.log_odds for each in self.contributions)
        return self.base_log_odds + self.average_log_odds + parts


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearFacts:
    """What a version says of its own logistic regression; features in their own units.

    Raises:
        ValueError: the base rate is none, or the facts are of other features.
    """

    coefficients: Mapping[str, float]
    averages: Mapping[str, float]
    intercept: float
    base_rate: float

    def __post_init__(self) -> None:
        if not 0.0 < self.base_rate < 1.0:
            raise ValueError(f"a base rate of {self.base_rate}")
        if self.coefficients.keys() != self.averages.keys():
            raise ValueError("coefficients and averages are of different features")

    def explain(self, features: Mapping[str, float]) -> Explanation:
        """Why these features score as they do.

        Raises:
            InvalidRequest: the facts are of other features.
        """
        if features.keys() != self.coefficients.keys():
            raise InvalidRequest("explain", "is not possible: the version describes other features")
        base = log(self.base_rate / (1.0 - self.base_rate))
        average = self.intercept + sum(
            weight * self.averages[name] for name, weight in self.coefficients.items()
        )
        contributions = [
            Contribution(
                name,
                value,
                self.averages[name],
                self.coefficients[name] * (value - self.averages[name]),
            )
            for name, value in features.items()
        ]
        return Explanation(
            base_rate=self.base_rate,
            base_log_odds=base,
            average_log_odds=average - base,
            contributions=tuple(sorted(contributions, key=lambda each: -abs(each.log_odds))),
        )

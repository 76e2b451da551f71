"""Base rates: how many of a category's customers buy in it again, as training saw it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHRUNK_BY = 100
"""As many examples of the mean are added to those of each category.

A category of few customers then says little. Source: Efron and Morris, J. Am. Stat. Assoc. 70
(1975) 311-319.
"""


@dataclass(frozen=True, slots=True)
class BaseRates:
    """The share of customers who buy in a category within the horizon; `mean` for one unknown."""

    mean: float
    by_category: Mapping[str, float]

    @classmethod
    def of(cls, buyers: Mapping[str, int], customers: Mapping[str, int]) -> "BaseRates":
        """The rates of categories with so many buyers among so many customers, shrunk to the mean.

        Without any customer the mean is 0.
        """
        mean = sum(buyers.values()) / max(sum(customers.values()), 1)
        return cls(
            mean,
            {
                category: (buyers.get(category, 0) + SHRUNK_BY * mean) / (count + SHRUNK_BY)
                for category, count in customers.items()
            },
        )

    def __getitem__(self, category: str) -> float:
        """The rate of a category."""
        return self.by_category.get(category, self.mean)

    @property
    def contract(self) -> dict[str, object]:
        """The rates as plain JSON values."""
        return {"mean": self.mean, "categories": dict(sorted(self.by_category.items()))}

    @classmethod
    def from_contract(cls, contract: Mapping[str, Any]) -> "BaseRates":
        """The rates that a contract holds.

        Raises:
            ValueError: one is no share.
        """
        rates = cls(contract["mean"], dict(contract["categories"]))
        for rate in (rates.mean, *rates.by_category.values()):
            if not isinstance(rate, float) or not 0.0 <= rate <= 1.0:
                raise ValueError(f"a base rate of {rate!r}")
        return rates

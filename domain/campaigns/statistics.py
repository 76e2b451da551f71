"""What is compared between treated and held out, as sums, and who compares it, as a port.

Sums of integers are the same in whatever order customers come, and wherever they are added.
"""

from dataclasses import astuple, dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some customers did something."""

    count: int = 0
    of: int = 0

    def __add__(self, other: "Share") -> "Share":
        return Share(self.count + other.count, self.of + other.of)

    @property
    def rate(self) -> float:
        """The share, from 0 to 1; 0 of nobody."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Sums over customers of an amount, and of the same customer's amount before the campaign.

    Amounts are integers, such as minor units of money; the sums are exact.
    """

    customers: int = 0
    total: int = 0
    squares: int = 0
    before: int = 0
    before_squares: int = 0
    products: int = 0

    @classmethod
    def of(cls, amount: int, before: int = 0) -> "Moments":
        """Those of one customer."""
        return cls(
            customers=1,
            total=amount,
            squares=amount * amount,
            before=before,
            before_squares=before * before,
            products=amount * before,
        )

    def __add__(self, other: "Moments") -> "Moments":
        mine, others = astuple(self), astuple(other)
        names = ("customers", "total", "squares", "before", "before_squares", "products")
        return Moments(**{n: a + b for n, a, b in zip(names, mine, others, strict=True)})

    @property
    def mean(self) -> float:
        """The mean amount; 0 of nobody."""
        return self.total / self.customers if self.customers else 0.0

    @property
    def mean_before(self) -> float:
        """The mean amount before; 0 of nobody."""
        return self.before / self.customers if self.customers else 0.0

    @property
    def variance(self) -> float:
        """The sample variance of the amount; 0 of fewer than two."""
        return self._covariance(self.squares, self.total, self.total)

    @property
    def variance_before(self) -> float:
        """The sample variance of the amount before."""
        return self._covariance(self.before_squares, self.before, self.before)

    @property
    def covariance(self) -> float:
        """The sample covariance of both amounts."""
        return self._covariance(self.products, self.total, self.before)

    def _covariance(self, products: int, one: int, other: int) -> float:
        n = self.customers
        return (n * products - one * other) / (n * (n - 1)) if n > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval; an end that is None is open."""

    low: float | None
    high: float | None

    def within(self, low: float, high: float) -> "Interval":
        """The same, its ends no further than what there can be at all."""
        return Interval(
            None if self.low is None else max(self.low, low),
            None if self.high is None else min(self.high, high),
        )

    def excludes(self, value: float) -> bool:
        """Whether the value lies outside."""
        below = self.low is not None and value < self.low
        return below or (self.high is not None and value > self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Treated less held out: absolute, and relative to the held out.

    `interval` and `relative_interval` hold at 95 % for one look at a time fixed before. `relative`
    is None where the held out have nothing to be relative to. `variance` is the estimate's; None: of
    so few nobody knows it.
    """

    estimate: float
    interval: Interval
    relative: float | None
    relative_interval: Interval
    variance: float | None


class CampaignStatistics(Protocol):
    """Compares two groups of customers that chance made.

    Promises: the same sums give the same answer. An interval that does not hold zero goes with a
    relative interval that does not, and the other way round. Groups of nobody, or without any
    purchase, are no error: their intervals are wide or open.
    """

    def shares(self, treated: Share, held_out: Share, /) -> Difference:
        """The difference of two shares."""
        ...

    def means(self, treated: Moments, held_out: Moments, /, *, adjusted: bool) -> Difference:
        """The difference of two means; `adjusted` for what customers spent before."""
        ...

    def sample_ratio(self, treated: int, held_out: int, /, *, holdout: float) -> float:
        """How probable groups at least so far from the share held out are, by chance alone."""
        ...

    def detectable(self, rate: float, /, *, treated: int, held_out: int) -> float | None:
        """The least lift of a rate that is seen in four of five campaigns; None: no lift is."""
        ...

    def always_valid(self, difference: Difference, /, *, planned_variance: float) -> Interval:
        """An interval of 95 % for all looks together, however many and whenever.

        It is narrowest when the estimate's variance has come to the planned one, which must have
        been fixed before the campaign began.
        """
        ...

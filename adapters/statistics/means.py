"""Two means: Welch's interval, Fieller's for the ratio, and both adjusted for the time before."""

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from domain.campaigns import Difference, Interval, Moments

_UPPER = 0.975
_LEAST_FREEDOM = 1.0


@dataclass(frozen=True, slots=True)
class _Mean:
    """A mean, the variance of one customer, and how many there are."""

    mean: float
    spread: float
    customers: int

    @property
    def variance(self) -> float:
        return self.spread / self.customers if self.customers else math.inf


def difference_of_means(treated: Moments, held_out: Moments, *, adjusted: bool) -> Difference:
    """Welch's interval; the ratio by Fieller's theorem with the same quantile.

    Adjusted, each amount is reduced by what the amount before predicts of it (CUPED). Which is fixed
    before the campaign, so chance alone made it differ between the groups.

    Sources: Welch (1947), Biometrika 34; Fieller (1954), Journal of the Royal Statistical Society B
    16; Deng, Xu, Kohavi and Walker (2013), Improving the sensitivity of online controlled
    experiments by utilizing pre-experiment data, WSDM.
    """
    slope = _slope(treated, held_out) if adjusted else 0.0
    everybody = (treated + held_out).mean_before
    one, other = (_adjusted(each, slope, everybody) for each in (treated, held_out))
    estimate, variance = one.mean - other.mean, one.variance + other.variance
    if min(one.customers, other.customers) < 2:  # noqa: PLR2004
        return _unknown(estimate)
    t = float(stdtrit(_freedom(one, other), _UPPER))
    half = t * math.sqrt(variance)
    return Difference(
        estimate=estimate,
        interval=Interval(estimate - half, estimate + half),
        relative=one.mean / other.mean - 1 if other.mean > 0 else None,
        relative_interval=_fieller(one, other, t),
        variance=variance,
    )


def _slope(treated: Moments, held_out: Moments) -> float:
    """How much an amount rises with the amount before, within both groups."""
    groups = [(max(each.customers - 1, 0), each) for each in (treated, held_out)]
    spread = sum(n * each.variance_before for n, each in groups)
    return sum(n * each.covariance for n, each in groups) / spread if spread else 0.0


def _adjusted(group: Moments, slope: float, everybody: float) -> _Mean:
    spread = group.variance - 2 * slope * group.covariance + slope**2 * group.variance_before
    mean = group.mean - slope * (group.mean_before - everybody)
    return _Mean(mean, max(0.0, spread), group.customers)


def _freedom(one: _Mean, other: _Mean) -> float:
    """Degrees of freedom. Source: Satterthwaite (1946), Biometrics Bulletin 2."""
    parts = [each.variance**2 / (each.customers - 1) for each in (one, other)]
    return (one.variance + other.variance) ** 2 / sum(parts) if sum(parts) else _LEAST_FREEDOM


def _fieller(one: _Mean, other: _Mean, t: float) -> Interval:
    """The ratios less one that go with the data; open where the held out may well spend nothing."""
    square = other.mean**2 - t * t * other.variance
    if other.mean <= 0 or square <= 0:
        return Interval(None, None)
    product = one.mean * other.mean
    root = math.sqrt(max(0.0, product**2 - square * (one.mean**2 - t * t * one.variance)))
    return Interval((product - root) / square - 1, (product + root) / square - 1)


def _unknown(estimate: float) -> Difference:
    nothing = Interval(None, None)
    return Difference(
        estimate=estimate, interval=nothing, relative=None, relative_interval=nothing, variance=None
    )

"""The port: each comparison by its published method."""

import math

from scipy.special import chdtrc

from adapters.statistics.means import difference_of_means
from adapters.statistics.shares import detectable_lift, difference_of_shares
from domain.campaigns import Difference, Interval, Moments, Share

_ALPHA = 0.05
_NARROWEST = -2 * math.log(_ALPHA) + math.log(-2 * math.log(_ALPHA)) + 1
"""The variance over the mixture's at which the boundary is narrowest."""


class ScipyStatistics:
    """CampaignStatistics at 95 %, two-sided."""

    def shares(self, treated: Share, held_out: Share, /) -> Difference:
        """By Newcombe's hybrid score interval; see the port."""
        return difference_of_shares(treated, held_out)

    def means(self, treated: Moments, held_out: Moments, /, *, adjusted: bool) -> Difference:
        """By Welch's interval, with CUPED where adjusted; see the port."""
        return difference_of_means(treated, held_out, adjusted=adjusted)

    def sample_ratio(self, treated: int, held_out: int, /, *, holdout: float) -> float:
        """By Pearson's chi-square with one degree of freedom; see the port.

        Source: Fabijan and others (2019), Diagnosing sample ratio mismatch in online controlled
        experiments, KDD.
        """
        customers = treated + held_out
        if not customers:
            return 1.0
        expected = customers * holdout
        square = (held_out - expected) ** 2 * (1 / expected + 1 / (customers - expected))
        return float(chdtrc(1, square))

    def detectable(self, rate: float, /, *, treated: int, held_out: int) -> float | None:
        """At 80 % power; see the port."""
        return detectable_lift(rate, treated=treated, held_out=held_out)

    def always_valid(self, difference: Difference, /, *, planned_variance: float) -> Interval:
        """By Robbins' normal mixture over the variance that has accrued; see the port.

        Customers are assigned once and their purchases accrue, so time is the estimate's variance.
        Its increments are nearly independent; where heavy buyers make later ones follow earlier
        ones, looks are more alike, and the interval is wide enough all the more.

        Sources: Robbins (1970), Annals of Mathematical Statistics 41; Howard, Ramdas, McAuliffe and
        Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of
        Statistics 49, two-sided normal mixture; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
        (2024), Time-uniform central limit theory and asymptotic confidence sequences, Annals of
        Statistics 52, for estimated variances and for where it is narrowest.
        """
        mixture = planned_variance / _NARROWEST
        if difference.variance is None or not 0 < mixture < math.inf:
            return Interval(None, None)
        both = difference.variance + mixture
        half = math.sqrt(both * math.log(both / (mixture * _ALPHA**2)))
        return Interval(difference.estimate - half, difference.estimate + half)

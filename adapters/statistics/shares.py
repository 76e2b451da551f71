"""Two shares: the difference and the ratio by Wilson's intervals, and how many customers it takes."""

import math

from scipy.special import ndtr, ndtri

from domain.campaigns import Difference, Interval, Share

Z = float(ndtri(0.975))
POWER = 0.8
_HALVINGS = 60


def difference_of_shares(treated: Share, held_out: Share) -> Difference:
    """Newcombe's hybrid score interval, and the same limits for the ratio.

    Sources: Newcombe (1998), Interval estimation for the difference between independent
    proportions, Statistics in Medicine 17, method 10; Donner and Zou (2012), Closed-form confidence
    intervals for functions of the normal mean and standard deviation, Statistical Methods in
    Medical Research 21 (MOVER, ratio).
    """
    p, q = treated.rate, held_out.rate
    (p_low, p_high), (q_low, q_high) = wilson(treated), wilson(held_out)
    low = p - q - math.hypot(p - p_low, q_high - q)
    high = p - q + math.hypot(p_high - p, q - q_low)
    variance = _smoothed_variance(treated) + _smoothed_variance(held_out)
    return Difference(
        estimate=p - q,
        interval=Interval(low, high),
        relative=p / q - 1 if q else None,
        relative_interval=Interval(
            _less_one(_ratio_low(p, q, p_low, q_high)), _less_one(_ratio_high(p, q, p_high, q_low))
        ),
        variance=variance,
    )


def wilson(share: Share) -> tuple[float, float]:
    """Wilson's score interval at 95 %; of nobody, from 0 to 1.

    Source: Wilson (1927), Journal of the American Statistical Association 22.
    """
    n, p = share.of, share.rate
    if not n:
        return 0.0, 1.0
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    low = middle - half if share.count else 0.0
    return low, middle + half if share.count < n else 1.0


def _ratio_low(p: float, q: float, p_low: float, q_high: float) -> float:
    """The least ratio r with (p - r q)² = (p - p_low)² + r² (q_high - q)²."""
    root = math.sqrt(max(0.0, (p * q) ** 2 - p_low * (2 * p - p_low) * q_high * (2 * q - q_high)))
    above = q_high * (2 * q - q_high)
    if not above:
        return p_low * (2 * p - p_low) / (2 * p * q) if p * q else 0.0
    return max(0.0, (p * q - root) / above)


def _ratio_high(p: float, q: float, p_high: float, q_low: float) -> float | None:
    """The largest such ratio; None: it has no end, as the held out may do nothing at all."""
    below = q_low * (2 * q - q_low)
    if below <= 0:
        return None
    return (p * q + math.sqrt(max(0.0, (p * q) ** 2 - p_high * (2 * p - p_high) * below))) / below


def _less_one(ratio: float | None) -> float | None:
    return None if ratio is None else ratio - 1


def _smoothed_variance(share: Share) -> float:
    """Of the share, with one success and one failure more, so that none of few is not certain.

    Source: Agresti and Caffo (2000), The American Statistician 54.
    """
    p = (share.count + 1) / (share.of + 2)
    return p * (1 - p) / (share.of + 2)


def detectable_lift(rate: float, *, treated: int, held_out: int) -> float | None:
    """The least lift above the rate that a two-sided test at 5 % sees in 80 % of campaigns.

    Source: Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, 4.
    """
    if not (treated and held_out) or power_of_shares(rate, 1.0, treated, held_out) < POWER:
        return None
    low, high = 0.0, 1.0 - rate
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if power_of_shares(rate, rate + middle, treated, held_out) < POWER:
            low = middle
        else:
            high = middle
    return high


def power_of_shares(rate: float, lifted: float, treated: int, held_out: int) -> float:
    """How often a two-sided test at 5 % sees the difference of these rates."""
    mean = (rate * held_out + lifted * treated) / (held_out + treated)
    same = math.sqrt(mean * (1 - mean) * (1 / treated + 1 / held_out))
    different = math.sqrt(rate * (1 - rate) / held_out + lifted * (1 - lifted) / treated)
    beyond = abs(lifted - rate) - Z * same
    if not different:
        return float(beyond > 0)
    return float(ndtr(beyond / different))

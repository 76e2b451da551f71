"""Statistics of campaigns against worked examples that others published."""

import math

import numpy as np
import pytest

from adapters.statistics import ScipyStatistics
from adapters.statistics.shares import power_of_shares
from domain.campaigns import Difference, Moments, Share

STATISTICS = ScipyStatistics()


def moments(amounts: list[int], before: list[int] | None = None) -> Moments:
    each = zip(amounts, before or [0] * len(amounts), strict=True)
    return sum((Moments.of(*pair) for pair in each), Moments())


def spread(difference: Difference) -> float:
    """The standard error."""
    assert difference.variance is not None
    return math.sqrt(difference.variance)


@pytest.mark.parametrize(
    ("treated", "held_out", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_shares_as_newcombe_printed_them(
    treated: tuple[int, int], held_out: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10."""
    found = STATISTICS.shares(Share(*treated), Share(*held_out)).interval
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_means_as_in_the_manual_of_r() -> None:
    """R, ?t.test, data sleep: t = -1.8608, df = 17.776, interval -3.3654832 to 0.2054832."""
    one = [7, -16, -2, -12, -1, 34, 37, 8, 0, 20]
    other = [19, 8, 11, 1, -1, 44, 55, 16, 46, 34]  # tenths of hours
    found = STATISTICS.means(moments(one), moments(other), adjusted=False)
    assert found.interval.low == pytest.approx(-33.654832, abs=1e-6)
    assert found.interval.high == pytest.approx(2.054832, abs=1e-6)
    assert found.estimate / spread(found) == pytest.approx(-1.8608, abs=5e-5)


def test_power_as_in_the_manual_of_r() -> None:
    """R, ?power.prop.test: n = 50 of .50 and .75 have power 0.740; power .90 takes n = 76.7."""
    assert power_of_shares(0.5, 0.75, 50, 50) == pytest.approx(0.740, abs=5e-4)
    assert power_of_shares(0.5, 0.75, 76, 76) < 0.9 < power_of_shares(0.5, 0.75, 77, 77)


def test_the_lift_that_is_detected_has_the_power_that_is_said() -> None:
    lift = STATISTICS.detectable(0.12, treated=7_200, held_out=800)
    assert lift is not None
    assert power_of_shares(0.12, 0.12 + lift, 7_200, 800) == pytest.approx(0.8, abs=1e-9)


def test_a_ratio_that_does_not_match_as_kohavi_tang_and_xu_printed_it() -> None:
    """Trustworthy Online Controlled Experiments (2020), 3: 821,588 and 815,482 users, 1.8E-6."""
    found = STATISTICS.sample_ratio(815_482, 821_588, holdout=0.5)
    assert found == pytest.approx(1.8e-6, abs=0.05e-6)


def test_adjusted_means_are_those_of_a_regression_within_groups() -> None:
    """Deng and others (2013): the variance falls to one less the squared correlation."""
    rng = np.random.default_rng(7)
    before = rng.integers(0, 5_000, 2_000)
    after = (before * 0.6 + rng.normal(3_000, 800, 2_000)).round().astype(int)
    treated = np.arange(2_000) % 4 > 0
    groups = [
        moments(after[chosen].tolist(), before[chosen].tolist()) for chosen in (treated, ~treated)
    ]
    plain = STATISTICS.means(groups[0], groups[1], adjusted=False)
    found = STATISTICS.means(groups[0], groups[1], adjusted=True)
    centred = [
        (after[chosen] - after[chosen].mean(), before[chosen] - before[chosen].mean())
        for chosen in (treated, ~treated)
    ]
    y, x = (np.concatenate(each) for each in zip(*centred, strict=True))
    slope = (x @ y) / (x @ x)
    rest = after - slope * before
    assert found.estimate == pytest.approx(rest[treated].mean() - rest[~treated].mean())
    correlation = (x @ y) ** 2 / ((x @ x) * (y @ y))
    assert (spread(found) / spread(plain)) ** 2 == pytest.approx(1 - correlation, rel=0.1)


def test_the_ratio_of_means_holds_where_fieller_says() -> None:
    """At each end the difference to that ratio is as far from zero as the quantile allows."""
    one, other = moments([40, 55, 61, 38, 49]), moments([30, 35, 28, 41, 33])
    found = STATISTICS.means(one, other, adjusted=False)
    variances = [each.variance / each.customers for each in (one, other)]
    assert found.interval.high is not None
    quantile = (found.interval.high - found.estimate) / spread(found)
    for end in (found.relative_interval.low, found.relative_interval.high):
        assert end is not None
        away = one.mean - (1 + end) * other.mean
        assert abs(away) / (variances[0] + (1 + end) ** 2 * variances[1]) ** 0.5 == pytest.approx(
            quantile
        )


def test_held_out_who_spend_nothing_are_nothing_to_be_relative_to() -> None:
    found = STATISTICS.means(moments([5, 7, 9]), moments([0, 0, 0]), adjusted=True)
    assert found.relative is None
    assert found.relative_interval.low is found.relative_interval.high is None

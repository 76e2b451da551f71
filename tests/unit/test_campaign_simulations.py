"""Statistics of campaigns on thousands of campaigns whose effect is known.

Purchases are those of people who differ: a rate drawn from a gamma distribution for each, amounts
from a skewed one. So revenue is skewed, and who buys early buys again.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.statistics import ScipyStatistics
from domain.campaigns import Difference, Moments, Share

pytestmark = pytest.mark.full

STATISTICS = ScipyStatistics()
CUSTOMERS, HOLDOUT = 8_000, 0.1
RATE = 0.3
"""Purchases in the days of a campaign, of the average customer."""
Integers = NDArray[np.int64]


def moments(amounts: Integers, before: Integers) -> Moments:
    return Moments(
        customers=len(amounts),
        total=int(amounts.sum()),
        squares=int((amounts * amounts).sum()),
        before=int(before.sum()),
        before_squares=int((before * before).sum()),
        products=int((amounts * before).sum()),
    )


def spent(rng: np.random.Generator, rates: NDArray[np.float64]) -> Integers:
    amounts: Integers = (rng.poisson(rates) * rng.lognormal(7.5, 0.6, len(rates))).astype(np.int64)
    return amounts


def shares_of(bought: NDArray[np.bool_], held: NDArray[np.bool_]) -> tuple[Share, Share]:
    treated, held_out = bought[~held], bought[held]
    return Share(int(treated.sum()), len(treated)), Share(int(held_out.sum()), len(held_out))


def one_campaign(
    rng: np.random.Generator, lift: float
) -> tuple[Difference, Difference, Difference]:
    """Conversion, revenue and adjusted revenue of a campaign that lifts purchases so much."""
    taste = rng.gamma(0.5, 2.0, CUSTOMERS) * RATE
    held = rng.random(CUSTOMERS) < HOLDOUT
    before = spent(rng, taste)
    after = spent(rng, np.where(held, taste, taste * lift))
    sums = [moments(after[chosen], before[chosen]) for chosen in (~held, held)]
    return (
        STATISTICS.shares(*shares_of(after > 0, held)),
        STATISTICS.means(sums[0], sums[1], adjusted=False),
        STATISTICS.means(sums[0], sums[1], adjusted=True),
    )


def conversion(lift: float) -> float:
    """Who buys at all, of a Poisson number with a rate drawn from that gamma distribution."""
    return float(1 - (1 + 2 * RATE * lift) ** -0.5)


MEAN_AMOUNT = float(np.exp(7.5 + 0.6**2 / 2))


@pytest.mark.parametrize("lift", [1.0, 1.2])
def test_intervals_hold_the_truth_in_95_of_100_campaigns(lift: float) -> None:
    """2,000 campaigns: 93 to 97 %, absolute and relative; without any lift these are A/A tests."""
    rng, campaigns = np.random.default_rng(19), 2_000
    money = RATE * (lift - 1) * MEAN_AMOUNT
    truth = [
        (conversion(lift) - conversion(1.0), conversion(lift) / conversion(1.0) - 1),
        (money, lift - 1),
        (money, lift - 1),
    ]
    outside = np.zeros((3, 2), dtype=np.int64)
    for _ in range(campaigns):
        for row, (found, (absolute, relative)) in enumerate(
            zip(one_campaign(rng, lift), truth, strict=True)
        ):
            outside[row, 0] += found.interval.excludes(absolute)
            outside[row, 1] += found.relative_interval.excludes(relative)
    missed = outside / campaigns
    assert (missed > 0.03).all(), missed
    assert (missed < 0.07).all(), missed
    if lift == 1.0:
        by_chance = 0.05 + 2.5 * (0.05 * 0.95 / campaigns) ** 0.5
        assert (missed[:, 0] <= by_chance).all(), f"false alarms: {missed[:, 0]}"


@pytest.mark.parametrize("rate", [0.1, 0.3, 1.5])
def test_a_campaign_without_effect_that_is_looked_at_daily_never_seems_to_work(rate: float) -> None:
    """1,000 campaigns, 30 looks each: always-valid alarms in at most 5 %, single looks in many more."""
    rng, campaigns, customers = np.random.default_rng(23), 1_000, 2_000
    alarms = np.zeros(2, dtype=np.int64)
    single = 0
    for _ in range(campaigns):
        taste = rng.gamma(0.5, 2.0, customers) * rate
        held = rng.random(customers) < HOLDOUT
        groups = 1 / held.sum() + 1 / (~held).sum()
        before = spent(rng, taste)
        expected = 1 - (1 + 2 * rate) ** -0.5
        money = np.zeros(customers, dtype=np.int64)
        ever = np.zeros(3, dtype=np.bool_)
        for _ in range(30):
            money += spent(rng, taste / 30)
            shares = STATISTICS.shares(*shares_of(money > 0, held))
            left = 1 - (money > 0).mean()
            planned = expected / (1 - expected) * groups * left**2
            ever[0] |= STATISTICS.always_valid(shares, planned_variance=planned).excludes(0)
            means = STATISTICS.means(
                moments(money[~held], before[~held]),
                moments(money[held], before[held]),
                adjusted=True,
            )
            planned = float(before.var() * groups)
            ever[1] |= STATISTICS.always_valid(means, planned_variance=planned).excludes(0)
            ever[2] |= shares.interval.excludes(0)
        alarms += ever[:2]
        single += int(ever[2])
    assert (alarms <= 0.05 * campaigns).all(), alarms
    assert single > 0.15 * campaigns, "the looks of this simulation would deceive nobody"

"""The CampaignStatistics contract: the same sums, the same answer; nobody is no error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.statistics import ScipyStatistics
from domain.campaigns import CampaignStatistics, Difference, Interval, Moments, Share


@st.composite
def shares(draw: st.DrawFn) -> Share:
    of = draw(st.integers(0, 5_000))
    return Share(draw(st.integers(0, of)), of)


@st.composite
def moments(draw: st.DrawFn) -> Moments:
    amounts = draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=30))
    return sum((Moments.of(*each) for each in amounts), Moments())


@pytest.fixture
def statistics() -> CampaignStatistics:
    return ScipyStatistics()


STATISTICS = ScipyStatistics()


def agree(difference: Difference) -> bool:
    """Whether absolute and relative interval say the same about zero, if both can."""
    if difference.relative is None:
        return True
    return difference.interval.excludes(1e-12) == difference.relative_interval.excludes(
        1e-12
    ) or difference.interval.excludes(-1e-12) == difference.relative_interval.excludes(-1e-12)


def holds(interval: Interval, value: float) -> bool:
    return not interval.excludes(value)


@given(shares(), shares())
def test_shares_have_an_interval_around_their_difference(one: Share, other: Share) -> None:
    found = STATISTICS.shares(one, other)
    assert found == STATISTICS.shares(one, other)
    assert found.interval.low is not None
    assert found.interval.high is not None
    assert found.interval.low <= found.estimate + 1e-9
    assert found.interval.high >= found.estimate - 1e-9
    assert found.interval.low >= -1 - 1e-9
    assert found.interval.high <= 1 + 1e-9
    assert agree(found)


@given(moments(), moments(), st.booleans())
def test_means_of_few_or_nobody_are_no_error(one: Moments, other: Moments, adjusted: bool) -> None:
    found = STATISTICS.means(one, other, adjusted=adjusted)
    assert found == STATISTICS.means(one, other, adjusted=adjusted)
    if min(one.customers, other.customers) >= 2:
        assert holds(found.interval, found.estimate)
    else:
        assert found.interval == Interval(None, None)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 9_999))
def test_a_sample_ratio_is_a_probability(treated: int, held_out: int, points: int) -> None:
    assert 0 <= STATISTICS.sample_ratio(treated, held_out, holdout=points / 10_000) <= 1


def test_a_ratio_as_planned_is_probable_and_one_far_off_is_not(
    statistics: CampaignStatistics,
) -> None:
    assert statistics.sample_ratio(9_000, 1_000, holdout=0.1) == 1
    assert statistics.sample_ratio(9_300, 700, holdout=0.1) < 0.001


def test_the_more_are_held_out_the_smaller_a_lift_is_seen(statistics: CampaignStatistics) -> None:
    lifts = [statistics.detectable(0.1, treated=9_000, held_out=n) for n in (100, 500, 1_000)]
    assert None not in lifts
    assert lifts == sorted(lifts, key=lambda lift: -(lift or 0))


def test_with_nobody_held_out_no_lift_is_seen(statistics: CampaignStatistics) -> None:
    assert statistics.detectable(0.1, treated=9_000, held_out=0) is None


@given(shares(), shares(), st.floats(1e-9, 1))
def test_an_interval_for_every_look_is_wider_than_one_for_a_single_look(
    one: Share, other: Share, planned: float
) -> None:
    found = STATISTICS.shares(one, other)
    always = STATISTICS.always_valid(found, planned_variance=planned)
    assert always.low is not None
    assert always.high is not None
    half = (always.high - always.low) / 2
    assert found.variance is not None
    assert half > 1.96 * found.variance**0.5


def test_without_a_plan_nothing_is_always_valid(statistics: CampaignStatistics) -> None:
    found = statistics.shares(Share(9, 100), Share(5, 100))
    assert statistics.always_valid(found, planned_variance=0) == Interval(None, None)

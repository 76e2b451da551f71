"""What may be said of a campaign's result, and in which words."""

from dataclasses import replace

import pytest

from api.console.documents.campaign_words import conclusion_of
from domain.campaigns import CampaignResults, Difference, Interval, Measured, Metric, Verdict
from tests.builders import NOW
from tests.campaigns import a_campaign


def results(verdict: Verdict, *, low: float, high: float, over: bool = True) -> CampaignResults:
    estimate = (low + high) / 2
    interval = Interval(low, high)
    difference = Difference(
        estimate=estimate,
        interval=interval,
        relative=None,
        relative_interval=Interval(None, None),
        variance=None,
    )
    metric = Measured(
        metric=Metric.CONVERSION,
        treated=0.3 + estimate,
        held_out=0.3,
        difference=difference if over else None,
        always_valid=interval,
        verdict=verdict,
    )
    return CampaignResults(
        measured_at=NOW,
        begins_at=NOW,
        days=30,
        over=over,
        treated=9_000,
        held_out=1_000,
        unread=0,
        holdout=0.1,
        sample_ratio=0.5,
        metrics=[metric],
        uplift=[],
    )


def test_more_buyers_are_said_in_points_and_in_people() -> None:
    found = conclusion_of(a_campaign(), results(Verdict.HIGHER, low=0.004, high=0.038))
    assert found.tone == "good"
    assert "2.1 points more" in found.headline
    for words in ("0.4", "3.8", "1,000", "21 people"):
        assert words in found.text


def test_fewer_buyers_are_no_success() -> None:
    found = conclusion_of(a_campaign(), results(Verdict.LOWER, low=-0.038, high=-0.004))
    assert found.tone == "bad"
    assert "2.1 points fewer" in found.headline
    assert "Between 0.4 and 3.8 points fewer" in found.text


def test_before_the_days_are_over_what_is_said_holds_at_any_look() -> None:
    found = conclusion_of(a_campaign(), results(Verdict.HIGHER, low=0.01, high=0.03, over=False))
    assert found.text.startswith("So far")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_difference_beyond_chance_is_told_as_one(verdict: Verdict) -> None:
    found = conclusion_of(a_campaign(), results(verdict, low=-0.03, high=0.02))
    told = "buyers" in found.headline
    assert told is (verdict in {Verdict.HIGHER, Verdict.LOWER})
    assert (found.tone == "good") is (verdict is Verdict.HIGHER)


def test_open_ends_are_said_and_nothing_is_said_without_results() -> None:
    wide = results(Verdict.NOT_TOLD_APART, low=-0.1, high=0.1)
    metric = replace(wide.metrics[0], difference=None, always_valid=Interval(None, 0.1))
    found = conclusion_of(a_campaign(), replace(wide, metrics=[metric]))
    assert "do not tell" in found.text
    assert conclusion_of(a_campaign(), None).tone == "plain"

"""Pictures of campaigns: in points and in money, and nothing where nothing may be said."""

from dataclasses import replace

import pytest

from adapters.statistics import ScipyStatistics
from api.pictures.campaigns import conversions_of, looks_of, revenues_of, uplift_of
from domain.campaigns import CampaignResults, Interval, Measured, Metric, Share, Uplift, Verdict
from tests.builders import NOW, USD

DIFFERENCE = ScipyStatistics().shares(Share(120, 1_000), Share(90, 1_000))


def measured(metric: Metric, *, over: bool, scale: float = 1.0) -> Measured:
    return Measured(
        metric=metric,
        treated=0.12 * scale,
        held_out=0.09 * scale,
        difference=replace(DIFFERENCE, estimate=0.03 * scale) if over else None,
        always_valid=Interval(-0.01 * scale, 0.08 * scale),
        verdict=Verdict.TOO_EARLY,
    )


def results(*, over: bool = True, silent: bool = False) -> CampaignResults:
    metrics = [measured(metric, over=over) for metric in Metric]
    if silent:
        metrics = [replace(each, difference=None, always_valid=None) for each in metrics]
    share = Share(10, 100)
    known = None if silent or not over else DIFFERENCE
    return CampaignResults(
        measured_at=NOW,
        begins_at=NOW,
        days=30,
        over=over,
        treated=1_000,
        held_out=1_000,
        unread=0,
        holdout=0.5,
        sample_ratio=1.0,
        metrics=metrics,
        uplift=[
            Uplift(
                tenth=n, treated=share, held_out=share, conversion=known, revenue=None, so_far=None
            )
            for n in (1, 2)
        ],
    )


def test_conversions_are_in_points() -> None:
    rows = conversions_of(results()).table.rows
    assert [row[1] for row in rows] == ["+3.00", "+3.00"]


def test_before_the_end_an_always_valid_interval_stands_in() -> None:
    early = conversions_of(results(over=False)).table.rows
    assert early[0][1:] == ("+3.00", "\N{MINUS SIGN}1.00 to +8.00")


def test_what_is_adjusted_stands_in_the_middle_of_its_interval() -> None:
    cents = [measured(metric, over=False, scale=10_000) for metric in Metric]
    rows = revenues_of(replace(results(over=False), metrics=cents), USD).table.rows
    assert [row[1] for row in rows] == ["+3.00", "+3.50"]


def test_each_tenth_has_its_difference() -> None:
    rows = uplift_of(results()).table.rows
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("tenth 1", "200", "+3.0"),
        ("tenth 2", "200", "+3.0"),
    ]


def test_each_look_is_shown_with_the_interval_that_holds_at_all() -> None:
    looks = [replace(results(over=False), measured_at=NOW + day) for day in (0, 86_400_000_000)]
    assert len(looks_of(looks, Metric.CONVERSION).table.rows) == 2


@pytest.mark.parametrize("over", [True, False])
def test_where_nothing_may_be_said_nothing_is_drawn(over: bool) -> None:
    silent = results(over=over, silent=True)
    for picture in (
        conversions_of(silent),
        revenues_of(silent, USD),
        uplift_of(silent),
        looks_of([silent], Metric.CONVERSION),
    ):
        assert not picture.table.rows

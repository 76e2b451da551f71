"""Surveys: whatever range is looked at, its figures are those of counting everybody."""

import asyncio
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.audience import (
    AudienceQuery,
    Range,
    ReadWay,
    ScoreAudience,
    Survey,
    SurveyAudience,
    bucket_of,
)
from domain.errors import InvalidRequest, StoreUnavailable
from domain.prediction import Arm, LinearFacts, Traffic
from tests.builders import NOW, a_purchase, a_traffic
from tests.campaigns import CUSTOMERS, Place, Thousandths, a_store
from tests.doubles.store import ReferenceStore, failing_with
from tests.faulty_store import VirtualTime
from tests.profiles import examples

RANGES = st.tuples(st.integers(0, 999), st.integers(1, 1_000)).filter(
    lambda each: each[0] < each[1]
)


def a_split(basis_points: int = 0) -> Traffic:
    traffic = a_traffic(Thousandths(), version=3)
    if not basis_points:
        return traffic
    other = replace(traffic.champion, version=4, arm=Arm.CHALLENGER)
    return replace(traffic, challenger=other, basis_points=basis_points)


def surveyed(
    store: ReferenceStore, *, way: ReadWay = ReadWay.BATCH, traffic: Traffic | None = None
) -> Survey:
    query = AudienceQuery(
        category="jewellery", as_of=NOW, traffic=traffic or a_split(), deadline_s=60.0, way=way
    )
    pacing = VirtualTime().pacing()
    audience = ScoreAudience(index=store, recent=store, history=store, pacing=pacing)
    return asyncio.run(SurveyAudience(audience=audience)(query))


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=40), RANGES, st.data())
@settings(max_examples=examples(60))
def test_a_range_holds_what_counting_everybody_gives(
    amounts: list[int], edges: tuple[int, int], data: st.DataObject
) -> None:
    way = data.draw(st.sampled_from(ReadWay))
    spent = {f"c{number}": amount / 100_000 for number, amount in enumerate(amounts)}
    survey = surveyed(a_store(spent), way=way)
    scored = [Thousandths().score(np.array([[amount / 100]]))[0] for amount in amounts]
    low, high = edges
    inside = [p for p in scored if low / 1_000 <= p and (p < high / 1_000 or high == 1_000)]
    figures = survey.figures(Range(low, high))
    assert figures.people == len(inside)
    exact = sum(map(Fraction, map(float, inside)), Fraction())
    assert figures.buyers == pytest.approx(float(exact), abs=1e-12)
    assert figures.non_buyers == figures.people - figures.buyers
    assert figures.share_of_people == figures.people / len(amounts)
    assert 0.0 <= figures.share_of_buyers <= 1.0


@given(st.floats(0, 1) | st.integers(0, 1_000).map(lambda each: each / 1_000))
def test_a_probability_is_in_the_range_of_its_bucket_and_in_no_other(probability: float) -> None:
    (bucket,) = bucket_of(np.array([probability])).tolist()
    within = Range(bucket, bucket + 1)
    assert within.min_probability <= probability <= within.max_probability
    if bucket:
        assert probability > Range(0, bucket).max_probability
    if bucket < 999:
        assert probability < Range(bucket + 1).min_probability


@given(
    st.integers(0, 998).flatmap(lambda low: st.tuples(st.just(low), st.integers(low + 1, 1_000)))
)
@settings(max_examples=examples(25))
def test_a_campaign_of_the_same_range_and_instant_freezes_exactly_those_people(
    edges: tuple[int, int],
) -> None:
    place = Place(a_store({f"c{n}": n / 40 for n in range(41)}))
    within = Range(*edges)
    people = surveyed(place.store).figures(within).people
    if not people:
        return
    campaign = place.created(
        min_probability=within.min_probability, max_probability=within.max_probability
    )
    assert campaign.size == people
    assert campaign.baseline.rate == pytest.approx(
        surveyed(place.store).figures(within).buyers / people
    )


@pytest.mark.parametrize("way", [ReadWay.BATCH, ReadWay.SCAN, ReadWay.BY_TIME])
@pytest.mark.parametrize("share", [0, 3_000])
def test_bars_add_up_and_features_too_whatever_the_way(way: ReadWay, share: int) -> None:
    old = a_purchase(
        customer_id="old", category="jewellery", purchased_at=NOW - 40 * 86_400 * 10**6
    )
    survey = surveyed(a_store(others=[old]), way=way, traffic=a_split(share))
    bars = survey.histogram()
    assert len(bars) == 20
    assert sum(bar.people for bar in bars) == 601
    assert sum(bar.buyers for bar in bars) == pytest.approx(sum(CUSTOMERS.values()))
    assert (survey.partial, survey.versions[Arm.CHAMPION]) == (False, 3)
    assert sum(int(each.people.sum()) for each in survey.features.values()) == 601
    volume = sum(float(each.sums.sum()) for each in survey.features.values())
    assert volume == pytest.approx(1_000 * sum(CUSTOMERS.values()))
    if not share:
        (mean,) = survey.features[Arm.CHAMPION].means(Range(500, 1_000))
        assert mean.mean == pytest.approx(
            np.mean([1_000 * p for p in CUSTOMERS.values() if p >= 0.5])
        )
        assert mean.mean_of_all == pytest.approx(1_000 * sum(CUSTOMERS.values()) / 601)
        assert mean.log_odds is None
    assert survey.features[Arm.CHAMPION].means(Range(900, 1_000)) == []


def test_a_logistic_regression_says_what_each_feature_adds() -> None:
    traffic = a_split()
    (name,) = traffic.champion.features.names
    facts = LinearFacts(
        coefficients={name: 0.01}, averages={name: 100.0}, intercept=-2, base_rate=0.1
    )
    survey = surveyed(
        a_store(), traffic=replace(traffic, champion=replace(traffic.champion, facts=facts))
    )
    (mean,) = survey.features[Arm.CHAMPION].means(Range(200, 201))
    assert mean.mean == pytest.approx(200.0)
    assert mean.log_odds == pytest.approx(1.0)


def test_who_is_unread_is_in_no_bucket_and_said() -> None:
    store = a_store()
    store.unread = frozenset({"c0100", "c0200"})
    survey = surveyed(store)
    assert (survey.unread, survey.partial) == (2, True)
    assert survey.figures(Range()).people == 598


def test_what_cannot_be_mended_is_raised() -> None:
    store = a_store()
    store.refuse = failing_with(StoreUnavailable("no permission", transient=False), "read")
    with pytest.raises(StoreUnavailable):
        surveyed(store)


def test_a_survey_can_go_from_one_process_to_another() -> None:
    survey = surveyed(a_store())
    assert pickle.loads(pickle.dumps(survey)).figures(Range(100, 300)) == survey.figures(  # noqa: S301  # ours
        Range(100, 300)
    )


@pytest.mark.parametrize("edges", [(-1, 5), (5, 5), (7, 3), (0, 1_001)])
def test_a_range_that_is_none_is_refused(edges: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequest):
        Range(*edges)


@pytest.mark.parametrize("bars", [0, 3, 2_000])
def test_bars_must_divide_the_buckets(bars: int) -> None:
    with pytest.raises(InvalidRequest):
        surveyed(a_store({"c1": 0.5})).histogram(bars)

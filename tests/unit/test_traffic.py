"""Traffic: who is answered by the challenger, the same in every way of asking."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audience import AudienceQuery, Member, ReadWay, ScoreAudience
from domain.audience.cost_plan import plan
from domain.categories import Position
from domain.features import FeatureSet
from domain.prediction import (
    Arm,
    Observation,
    PredictPropensity,
    ServedModel,
    SharedScores,
    Traffic,
)
from domain.recent import ByTime, TableSize
from domain.values import BUCKETS, MICROS_PER_DAY, Consistency, day_of
from tests.builders import (
    NOW,
    USD,
    a_category,
    a_feature,
    a_policy,
    a_purchase,
    a_served_model,
    one_of_each_bucket,
)
from tests.doubles.store import ReferenceStore
from tests.fakes import SaturatingScorer
from tests.faulty_store import FaultyStore

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
POINTS = st.integers(1, BUCKETS)


class Doubtful(SaturatingScorer):
    """Half as sure as the other: no two customers with purchases score alike on both."""

    def score(self, matrix: np.ndarray, /) -> np.ndarray:
        return super().score(matrix) / 2


def a_challenger(version: int = 2, *, days: int = 30) -> ServedModel:
    features = FeatureSet((a_feature(days=days),), USD)
    return a_served_model(Doubtful(), version=version, features=features, arm=Arm.CHALLENGER)


def a_split(points: int, *, version: int = 2, days: int = 30) -> Traffic:
    return Traffic(
        champion=a_served_model(SaturatingScorer()),
        challenger=a_challenger(version, days=days),
        basis_points=points,
    )


@given(IDS, POINTS, POINTS)
def test_a_share_that_grows_only_adds_customers(customer: str, one: int, other: int) -> None:
    small, large = sorted((one, other))
    if a_split(small).model_for(customer).arm is Arm.CHALLENGER:
        assert a_split(large).model_for(customer).arm is Arm.CHALLENGER


@given(IDS)
def test_the_whole_share_is_everybody_and_no_share_nobody(customer: str) -> None:
    assert a_split(BUCKETS).model_for(customer).version == 2
    assert Traffic(champion=a_served_model(SaturatingScorer())).model_for(customer).version == 1


def test_a_share_is_as_large_as_it_says_and_another_challenger_gets_other_customers() -> None:
    customers = [f"customer-{number}" for number in range(20_000)]
    chosen = []
    for version in (2, 3):
        split = a_split(1_000, version=version)
        chosen.append({c for c in customers if split.model_for(c).version == version})
    assert all(abs(len(group) - 2_000) < 200 for group in chosen)
    assert len(chosen[0] & chosen[1]) < 400


def test_of_all_buckets_a_challenger_answers_exactly_as_many_as_its_share_says() -> None:
    customers = one_of_each_bucket(a_split(1)._salt)  # noqa: SLF001  # buckets are of one salt
    for points in (1, 2, 5_000, BUCKETS - 1, BUCKETS):
        split = a_split(points)
        assert sum(split.model_for(customer).version == 2 for customer in customers) == points


def test_who_is_answered_by_a_challenger_never_changes() -> None:
    chosen = [n for n in range(200) if a_split(500).model_for(f"customer-{n}").version == 2]
    assert chosen == [8, 48, 64, 189, 195]


@pytest.mark.parametrize("points", [0, -1, BUCKETS + 1])
def test_a_challenger_has_a_share(points: int) -> None:
    with pytest.raises(ValueError):
        a_split(points)
    with pytest.raises(ValueError):
        replace(a_split(1), challenger=None)


def test_a_label_tells_what_answers_whatever_the_revision() -> None:
    assert a_split(500).label == "1 2@500"
    assert Traffic(champion=a_served_model(SaturatingScorer(), version=7)).label == "7"


def a_store(customers: int) -> FaultyStore:
    """Every second customer bought yesterday, the others 50 days ago."""
    purchases = [
        a_purchase(
            customer_id=f"c{n:06d}",
            category="shirts",
            purchased_at=NOW - (50 if n % 2 else 1) * MICROS_PER_DAY,
            amount_minor=100 + n,
        )
        for n in range(customers)
    ]
    return FaultyStore(purchases=purchases, complete_since=day_of(NOW) - 31)


async def one_by_one(store: FaultyStore, traffic: Traffic) -> dict[str, Member]:
    predict = PredictPropensity(
        score=SharedScores({Consistency.STRONG: ByTime(store)}),
        traffic=lambda _: traffic,
        policy=a_policy(),
        clock=lambda: NOW,
    )
    members: dict[str, Member] = {}
    for customer in {purchase.customer_id for purchase in store.purchases}:
        answer = await predict(customer)
        members[customer] = Member(customer, answer.probability, answer.model.arm)
    return members


@pytest.mark.anyio
@pytest.mark.parametrize("way", ReadWay)
@pytest.mark.parametrize("days", [7, 30, 90])
async def test_an_audience_answers_each_customer_as_a_single_prediction_does(
    way: ReadWay, days: int
) -> None:
    store, traffic = a_store(400), a_split(3_000, days=days)
    service = ScoreAudience(index=store, recent=store, history=store, pacing=store.time.pacing())
    query = AudienceQuery(category="shirts", as_of=NOW, traffic=traffic, deadline_s=60.0, way=way)
    expected = await one_by_one(store, traffic)
    by_time_before = store.history_reads
    async with service.stream(query) as (batches, summary):
        members = [member async for batch in batches for member in batch]
    assert {member.customer_id: member for member in members} == expected
    challenged = sum(member.arm is Arm.CHALLENGER for member in members)
    assert summary.challenged == challenged
    assert 80 < challenged < 160
    looks_further = days > 30
    falls_back = looks_further and way is ReadWay.SCAN
    assert summary.way is (ReadWay.BATCH if falls_back else way)
    by_time = 400 if way is ReadWay.BY_TIME else challenged if looks_further else 0
    assert store.history_reads - by_time_before == by_time
    page = await service.page(query, position=Position(), most=400)
    assert {member.customer_id: member for member in page.members} == expected


def test_a_challenger_that_looks_further_is_planned_for() -> None:
    found = plan(
        category=a_category(10_000),
        shards=16,
        recent=TableSize(items=100, bytes=10_000),
        chosen=ReadWay.SCAN,
        by_time_share=0.05,
    )
    assert found.way is ReadWay.BATCH
    assert re.match("[^;]*5.00%.*; ", found.why)
    assert found.round_trips == 16 + 16 + 100 + 500


@pytest.mark.anyio
async def test_shadows_see_what_was_answered_and_change_nothing_of_it() -> None:
    purchases = [
        a_purchase(purchase_id="a", purchased_at=NOW - MICROS_PER_DAY, amount_minor=300),
        a_purchase(purchase_id="b", purchased_at=NOW - 60 * MICROS_PER_DAY, amount_minor=400),
    ]
    plain = Traffic(champion=a_served_model(SaturatingScorer()))
    shadowed = replace(plain, shadows=(a_challenger(3, days=90),))
    seen: list[Observation] = []
    answers = [
        await PredictPropensity(
            score=SharedScores({Consistency.STRONG: ByTime(ReferenceStore(purchases))}),
            traffic=lambda _, traffic=traffic: traffic,  # type: ignore[misc]
            policy=a_policy(),
            clock=lambda: NOW,
            observe=seen.append,
        )("customer-1")
        for traffic in (plain, shadowed)
    ]
    assert answers[0] == answers[1]
    assert answers[1].purchases_read == 1
    (observation,) = seen
    assert [purchase.purchase_id for purchase in observation.purchases] == ["b", "a"]
    assert (observation.probability, observation.show) == (0.75, True)

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from domain.decisions import Reason
from domain.errors import CorruptRecord, InvalidRequest, NoLiveModel, StoreUnavailable
from domain.features import Aggregation, FeatureSet
from domain.prediction import Prediction, PredictPropensity, SharedScores, Traffic
from domain.purchases import CLOCK_SKEW_US, EARLIEST, MAX_CUSTOMER_ID_BYTES, Purchase
from domain.purchases.purchase import parse_purchase
from domain.recent import ByTime
from domain.values import Consistency
from tests import reference
from tests.builders import (
    DAY,
    NOW,
    USD,
    a_feature,
    a_history,
    a_policy,
    a_purchase,
    a_traffic,
    missing,
    raw_of,
)
from tests.doubles.store import ReferenceStore, silent_store
from tests.fakes import SaturatingScorer
from tests.strategies import feature_sets, histories, instants

MODEL = a_traffic(SaturatingScorer())


def predict(
    history: ReferenceStore,
    customer_id: str = "customer-1",
    *,
    as_of: int | None = None,
    traffic: Callable[[], Traffic] = lambda: MODEL,
    category: str | None = None,
) -> Prediction:
    service = PredictPropensity(
        score=SharedScores({Consistency.STRONG: ByTime(history)}),
        traffic=lambda _: traffic(),
        policy=a_policy(),
        clock=lambda: NOW,
    )
    return asyncio.run(service(customer_id, as_of=as_of, category=category))


def test_a_prediction_carries_all_that_explains_it() -> None:
    prediction = predict(ReferenceStore([a_purchase(amount_minor=300)]))
    assert (prediction.customer_id, prediction.as_of) == ("customer-1", NOW)
    assert prediction.features == {"total_purchase_volume_30d": 3.0}
    assert prediction.purchases_read == 1
    assert prediction.probability == 0.75
    assert prediction.decision == a_policy().decide(0.75)
    assert prediction.model is MODEL.champion


def test_an_unknown_customer_is_an_empty_history_and_no_error() -> None:
    prediction = predict(ReferenceStore([a_purchase()]), "nobody")
    assert (prediction.purchases_read, prediction.probability) == (0, 0.0)
    assert prediction.features == {"total_purchase_volume_30d": 0.0}
    assert prediction.decision.reason is Reason.BELOW_RANGE


def test_exactly_the_longest_window_is_read() -> None:
    history = ReferenceStore()
    features = FeatureSet((a_feature(days=7), a_feature(days=90)), USD)
    predict(history, traffic=lambda: a_traffic(SaturatingScorer(), features=features))
    (call,) = history.calls
    assert (call.customers, call.given) == (("customer-1",), (NOW - 90 * DAY, NOW))


def test_purchases_on_the_edges_are_read_as_the_window_says() -> None:
    edges = a_history(NOW - 30 * DAY, NOW - 30 * DAY + 1, NOW, NOW + 1)
    assert predict(ReferenceStore(edges)).purchases_read == 2


def test_as_of_asks_about_the_past_as_it_was_known() -> None:
    history = ReferenceStore(a_history(NOW - 2 * DAY, NOW - DAY))
    then = predict(history, as_of=NOW - 2 * DAY)
    assert (then.as_of, then.purchases_read) == (NOW - 2 * DAY, 1)


@pytest.mark.parametrize("as_of", [EARLIEST, NOW, NOW + 1, NOW + CLOCK_SKEW_US])
def test_as_of_may_run_ahead_as_far_as_clocks_do(as_of: int) -> None:
    assert predict(ReferenceStore(), as_of=as_of).as_of == as_of


@pytest.mark.parametrize(
    ("as_of", "limit"), [(NOW + CLOCK_SKEW_US + 1, 300), (EARLIEST - 1, 2000), (0, 2000)]
)
def test_as_of_beyond_the_believable_is_refused(as_of: int, limit: int) -> None:
    history = ReferenceStore()
    with pytest.raises(InvalidRequest) as caught:
        predict(history, as_of=as_of)
    assert caught.value.field == "as_of"
    assert not missing(caught.value.reason, limit)
    assert history.calls == []


@pytest.mark.parametrize(
    "customer_id", ["", " ", "a\n", "a\x00", "\ud800", "x" * (MAX_CUSTOMER_ID_BYTES + 1)]
)
def test_an_unusable_customer_id_is_refused_before_anything_is_read(customer_id: str) -> None:
    history = ReferenceStore()
    with pytest.raises(InvalidRequest) as caught:
        predict(history, customer_id)
    assert caught.value.field == "customer_id"
    assert history.calls == []


def test_the_longest_customer_id_is_asked_for() -> None:
    longest = "x" * MAX_CUSTOMER_ID_BYTES
    assert predict(ReferenceStore(), longest).customer_id == longest


def test_the_model_is_taken_once_so_that_no_answer_mixes_versions() -> None:
    count = FeatureSet((a_feature(Aggregation.PURCHASE_COUNT),), USD)
    versions = [
        a_traffic(SaturatingScorer(), version=1),
        a_traffic(SaturatingScorer(), version=2, features=count),
    ]
    waiting = iter(versions)
    prediction = predict(ReferenceStore([a_purchase()]), traffic=lambda: next(waiting))
    assert prediction.model is versions[0].champion
    assert set(prediction.features) == {"total_purchase_volume_30d"}
    assert next(waiting) is versions[1]


@dataclass
class Constantly:
    """Scores every row the same, be it a probability or not."""

    value: float

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return np.full(len(matrix), self.value)


@pytest.mark.parametrize(
    "score", [math.nan, math.inf, -math.inf, math.nextafter(0, -1), math.nextafter(1, 2), 1.1]
)
def test_a_score_that_is_no_probability_is_no_prediction(score: float) -> None:
    broken = a_traffic(Constantly(score), version=7)
    with pytest.raises(CorruptRecord) as caught:
        predict(ReferenceStore(), traffic=lambda: broken)
    assert not missing(caught.value, 7, "propensity", score)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_certainty_is_a_probability(score: float) -> None:
    certain = a_traffic(Constantly(score))
    assert predict(ReferenceStore(), traffic=lambda: certain).probability == score


@pytest.mark.parametrize("ahead", [1, CLOCK_SKEW_US])
def test_a_purchase_from_a_clock_ahead_of_ours_counts_from_its_own_instant_on(ahead: int) -> None:
    raw = raw_of(a_purchase(purchased_at=NOW + ahead))
    history = ReferenceStore([parse_purchase(raw, currency=USD, now=NOW)])
    seen = {
        as_of: predict(history, as_of=as_of).purchases_read
        for as_of in (None, NOW, NOW + ahead - 1, NOW + ahead)
    }
    assert seen == {None: 0, NOW: 0, NOW + ahead - 1: 0, NOW + ahead: 1}


def test_a_store_that_does_not_answer_is_no_empty_history() -> None:
    with pytest.raises(StoreUnavailable, match="customer-1"):
        predict(silent_store("customer-1"))


def test_without_a_live_model_nothing_is_read() -> None:
    def no_model() -> Traffic:
        raise NoLiveModel("nothing is promoted")

    history = ReferenceStore()
    with pytest.raises(NoLiveModel):
        predict(history, traffic=no_model)
    assert history.calls == []


@given(histories(), feature_sets, instants)
def test_the_features_shown_are_those_of_the_whole_history(
    history: list[Purchase], features: FeatureSet, as_of: int
) -> None:
    as_of = min(as_of, NOW)
    category = "jewellery" if features.targeted else None
    prediction = predict(
        ReferenceStore(history),
        as_of=as_of,
        category=category,
        traffic=lambda: a_traffic(SaturatingScorer(), features=features),
    )
    row = reference.row(features, history, as_of, category)
    expected = dict(zip(features.names, row, strict=True))
    assert prediction.features == expected

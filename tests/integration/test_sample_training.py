"""The claims of the README: what the features tell on a year of real purchases."""

from functools import cache
from itertools import groupby

import numpy as np
import pytest

from adapters.complete_journey import CompleteJourneyPurchases
from adapters.feature_sets import built_in_sets
from adapters.scorers.onnx import OnnxScorer
from adapters.training import train
from domain.features import Histories
from domain.purchases.purchase import parse_purchase
from domain.training import TrainingSet, training_set
from domain.values import MICROS_PER_DAY
from model_registry.evaluation.metrics import differences
from model_registry.versions import Candidate
from tests.builders import NOW, USD

pytestmark = pytest.mark.full


@cache
def histories() -> Histories:
    rows = CompleteJourneyPurchases(now=NOW).rows()
    purchases = [parse_purchase(row.raw, currency=USD, now=NOW) for row in rows]
    households = groupby(purchases, key=lambda purchase: purchase.customer_id)
    return Histories.of([list(history) for _, history in households])


@cache
def trained(features: str) -> tuple[TrainingSet, Candidate]:
    examples = training_set(
        histories(),
        features=built_in_sets()[features].in_currency(USD),
        horizon_us=30 * MICROS_PER_DAY,
        most_cut_offs=6,
    )
    return examples, train(examples, build_scorer=OnnxScorer.build)


def test_the_single_feature_reaches_an_auc_of_0_80_on_the_whole_sample() -> None:
    examples, candidate = trained("total_purchase_volume_30d")
    assert (examples.customers, examples.purchases) == (2_469, 391_326)
    assert candidate.metrics["auc"] >= 0.80
    assert candidate.metrics["log_loss"] < candidate.metrics["base_rate_log_loss"]
    assert candidate.metrics["parity_max_abs_difference"] <= 1e-6
    assert candidate.metrics["auc"] == pytest.approx(0.828, abs=0.002)


def test_rfm_90d_is_certainly_better_on_the_whole_sample() -> None:
    champion, challenger = (trained(name)[1] for name in ("total_purchase_volume_30d", "rfm_90d"))
    assert challenger.metrics["auc"] == pytest.approx(0.868, abs=0.002)
    assert challenger.metrics["log_loss"] == pytest.approx(0.318, abs=0.002)
    assert champion.held_out is not None
    assert challenger.held_out is not None
    found = differences(champion.held_out, challenger.held_out)
    assert found["auc"][0] > 0.02
    assert found["log_loss"][1] < -0.03
    assert found["brier"][1] < -0.005


def test_rfm_90d_is_calibrated_for_customers_who_lapsed() -> None:
    examples, candidate = trained("rfm_90d")
    assert candidate.held_out is not None
    lapsed = examples.held_out.matrix[:, examples.features.names.index("purchase_count_30d")] == 0.0
    predicted = float(np.mean(candidate.held_out.probabilities[lapsed]))
    happened = float(np.mean(candidate.held_out.labels[lapsed]))
    assert int(lapsed.sum()) == 412
    assert predicted == pytest.approx(happened, abs=0.02)

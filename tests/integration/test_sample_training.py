"""The claim of the README: what the single feature tells on a year of real purchases."""

from itertools import groupby

import pytest

from adapters.complete_journey import CompleteJourneyPurchases
from adapters.scorers.onnx import OnnxScorer
from adapters.training import train
from domain.features import total_purchase_volume_30d
from domain.history import Histories
from domain.instant import MICROS_PER_DAY
from domain.purchase import parse_purchase
from domain.training_set import training_set
from tests.builders import NOW, USD


def test_the_single_feature_reaches_an_auc_of_0_80_on_the_whole_sample() -> None:
    rows = CompleteJourneyPurchases(now=NOW).rows()
    purchases = [parse_purchase(row.raw, currency=USD, now=NOW) for row in rows]
    households = groupby(purchases, key=lambda purchase: purchase.customer_id)
    examples = training_set(
        Histories.of([list(history) for _, history in households]),
        features=total_purchase_volume_30d(USD),
        horizon_us=30 * MICROS_PER_DAY,
        most_cut_offs=6,
    )
    candidate = train(examples, build_scorer=OnnxScorer.build)
    assert (examples.customers, examples.purchases) == (2_469, 391_326)
    assert candidate.metrics["auc"] >= 0.80
    assert candidate.metrics["log_loss"] < candidate.metrics["base_rate_log_loss"]
    assert candidate.metrics["parity_max_abs_difference"] <= 1e-6
    assert candidate.metrics["auc"] == pytest.approx(0.828, abs=0.002)

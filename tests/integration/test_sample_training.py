"""The claims of the README: what the features tell on a year of real purchases."""

from functools import cache
from itertools import groupby

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from adapters.complete_journey import CompleteJourneyPurchases
from adapters.feature_sets import built_in_sets
from adapters.scorers.onnx import OnnxScorer
from adapters.training import select, train
from domain.features import BaseRates, Histories
from domain.purchases import Purchase
from domain.purchases.purchase import parse_purchase
from domain.training import TrainingSet, training_set
from domain.values import MICROS_PER_DAY
from model_registry.evaluation import log_losses, quality_of
from model_registry.evaluation.metrics import differences
from model_registry.versions import Candidate
from tests.builders import NOW, USD

pytestmark = pytest.mark.full


@cache
def histories() -> Histories:
    households = groupby(purchases(), key=lambda purchase: purchase.customer_id)
    return Histories.of([list(history) for _, history in households])


def purchases() -> list[Purchase]:
    rows = CompleteJourneyPurchases(now=NOW).rows()
    return [parse_purchase(row.raw, currency=USD, now=NOW) for row in rows]


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


def test_the_whole_life_in_totals_is_worth_more_than_a_longer_window() -> None:
    (examples, candidate), rfm = trained("lifetime"), trained("rfm_90d")[1]
    assert len(examples.features.names) == len(rfm.features.names) == 9
    assert candidate.metrics["auc"] >= 0.878
    assert candidate.metrics["log_loss"] <= 0.308
    assert candidate.metrics["ece"] <= 0.02
    assert quality_of(candidate.metrics) == "Excellent"
    assert rfm.held_out is not None
    assert candidate.held_out is not None
    found = differences(rfm.held_out, candidate.held_out)
    assert found["auc"][0] > 0.0
    assert found["log_loss"][1] < 0.0


def test_cross_validation_chooses_it_without_the_held_out_month() -> None:
    sets = {name: trained(name)[0] for name in ("total_purchase_volume_30d", "rfm_90d", "lifetime")}
    chosen = select(sets)
    assert chosen.name == "lifetime"
    assert chosen.c >= 0.1


def test_within_a_category_the_category_is_worth_asking_about() -> None:
    """Departments with 50 of each: the mean of their AUCs, and of their log losses."""
    examples, candidate = trained("within_category")
    anything = trained("total_purchase_volume_30d")
    assert anything[1].held_out is not None
    assert candidate.held_out is not None
    of_customer = dict(
        zip(
            anything[0].held_out.customer.tolist(),
            anything[1].held_out.probabilities.tolist(),
            strict=True,
        )
    )
    rows, told = examples.held_out, candidate.held_out.probabilities
    before = np.array([of_customer[each] for each in rows.customer.tolist()])
    aucs, losses, before_aucs, lifts = list[float](), list[float](), list[float](), list[float]()
    for place in range(len(rows.categories)):
        mine = np.flatnonzero(rows.category == place)
        labels = rows.labels[mine]
        if min(labels.sum(), (~labels).sum()) < 50:
            continue
        aucs.append(roc_auc_score(labels, told[mine]))
        before_aucs.append(roc_auc_score(labels, before[mine]))
        losses.append(float(log_losses(labels, told[mine]).mean()))
        top = np.argsort(-told[mine], kind="stable")[: len(mine) // 5]
        lifts.append(float(labels[top].mean() / labels.mean()))
    assert len(aucs) >= 15
    assert np.mean(aucs) >= 0.787
    assert np.mean(losses) <= 0.452
    assert np.mean(aucs) - np.mean(before_aucs) > 0.07
    assert np.mean(lifts) > 2.0
    assert candidate.metrics["ece"] <= 0.02


def of_pandas(frame: pd.DataFrame, as_of: int, target: str) -> dict[str, pd.Series]:
    """The features of both sets, computed once more: by pandas, from a table of purchases."""
    known = frame[frame.moment <= as_of]
    day = 86_400_000_000

    def count(rows: pd.DataFrame) -> pd.Series:
        return rows.groupby("customer").size()

    def since(days: int, rows: pd.DataFrame = known) -> pd.DataFrame:
        return rows[rows.moment > as_of - days * day]

    def active(days: int) -> pd.Series:
        rows = since(days)
        return ((as_of - rows["moment"]) // day).groupby(rows.customer).nunique()

    there = known[known.category == target]
    ages = (as_of - known["moment"]).groupby(known.customer)
    last, first = ages.min() / day, ages.max() / day
    return {
        "log1p(purchase_count_ever)": np.log1p(count(known)),
        "log1p(purchase_count_30d)": np.log1p(count(since(30))),
        "log1p(purchase_count_90d)": np.log1p(count(since(90))),
        "log1p(total_purchase_volume_30d)": np.log1p(
            since(30).groupby("customer").minor.sum() / 100
        ),
        "log1p(total_purchase_volume_ever)": np.log1p(known.groupby("customer").minor.sum() / 100),
        "log1p(active_days_30d)": np.log1p(active(30)),
        "log1p(active_days_90d)": np.log1p(active(90)),
        "log1p(days_since_last_purchase_ever)": np.log1p(last),
        "log1p(days_since_first_purchase_ever)": np.log1p(first),
        "log1p(gap_ratio)": np.log1p(last * count(known) / first),
        "log1p(purchase_count_30d[target])": np.log1p(count(since(30, there))),
        "log1p(purchase_count_90d[target])": np.log1p(count(since(90, there))),
        "log1p(purchase_count_ever[target])": np.log1p(count(there)),
        "log1p(days_since_last_purchase_90d[target])": np.log1p(
            ((as_of - there["moment"]).groupby(there.customer).min() / day).clip(upper=90)
        ),
    }


EMPTY = {"log1p(days_since_last_purchase_90d[target])": np.log1p(90.0)}
"""Without a purchase; every other feature of these customers is 0 then."""


def test_300_households_have_the_features_that_pandas_computes() -> None:
    everything = purchases()
    names = sorted({p.customer_id for p in everything})[:300]
    mine = [p for p in everything if p.customer_id in set(names)]
    frame = pd.DataFrame(
        [(p.customer_id, p.purchased_at, p.category, p.amount_minor) for p in mine],
        columns=["customer", "moment", "category", "minor"],
    )
    histories = Histories.of([p for p in mine if p.customer_id == name] for name in names)
    newest = int(frame["moment"].max())
    for as_of in (newest, newest - 61 * MICROS_PER_DAY, newest - 200 * MICROS_PER_DAY + 12_345):
        known = set(frame[frame["moment"] <= as_of].customer)
        expected = of_pandas(frame, as_of, "meat")
        for name in ("lifetime", "within_category"):
            features = built_in_sets()[name].in_currency(USD).knowing(BaseRates(0.5, {}))
            matrix = features.matrix(histories, as_of, target="meat")
            for column, feature in enumerate(features.names):
                if feature not in expected:
                    assert feature == "log1p(category_base_rate)"
                    continue
                due = expected[feature].reindex(names).fillna(EMPTY.get(feature, 0.0))
                rows = [place for place, each in enumerate(names) if each in known]
                assert np.array_equal(matrix[rows, column], due.to_numpy()[rows]), feature

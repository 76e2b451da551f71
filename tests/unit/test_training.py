import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from adapters import training
from adapters.feature_sets import built_in_sets
from adapters.scorers.onnx import OnnxScorer
from adapters.training import train
from domain.errors import TrainingRefused
from domain.features import BaseRates, total_purchase_volume_30d
from domain.prediction import Scorer
from model_registry.evaluation import calibration, evaluate, intervals
from model_registry.gates.load import check_golden
from model_registry.ports import ScorerFactory
from model_registry.versions import Candidate, Draft, HeldOut
from tests.builders import DAY, USD, missing
from tests.training_sets import ASKED, a_training_set

COEFFICIENTS = (0.02, -0.01)
INTERCEPT = -0.5


@cache
def a_candidate() -> Candidate:
    """Trained on 20,000 examples of a known law."""
    examples = a_training_set(COEFFICIENTS, intercept=INTERCEPT, rows=20_000)
    return train(examples, build_scorer=OnnxScorer.build)


def served() -> Scorer:
    """The candidate's scorer."""
    return OnnxScorer.build(a_candidate().scorer_options, a_candidate().blobs)


class TestTheModel:
    def test_the_coefficients_of_the_law_are_found_in_original_units(self) -> None:
        facts = a_candidate().facts
        found = facts["coefficients"]
        assert isinstance(found, dict)
        assert list(found) == ["total_purchase_volume_30d", "total_purchase_volume_31d"]
        assert list(found.values()) == pytest.approx(COEFFICIENTS, rel=0.05)
        assert facts["intercept"] == pytest.approx(INTERCEPT, abs=0.05)

    def test_the_recorded_coefficients_are_what_is_served(self) -> None:
        facts = a_candidate().facts
        slopes, intercept = facts["coefficients"], facts["intercept"]
        assert isinstance(slopes, dict)
        assert isinstance(intercept, float)
        matrix = np.array([[0.0, 0.0], [12.5, 80.0], [300.0, 0.01]])
        by_hand = 1.0 / (1.0 + np.exp(-(intercept + matrix @ np.array(list(slopes.values())))))
        assert served().score(matrix) == pytest.approx(by_hand, abs=1e-12)

    def test_training_again_gives_the_same_bytes(self) -> None:
        again = [train(a_training_set(), build_scorer=OnnxScorer.build) for _ in range(2)]
        assert again[0].blobs == again[1].blobs

    def test_the_graph_holds_all_it_needs_and_answers_with_probabilities_only(self) -> None:
        model = onnx.load_from_string(a_candidate().blobs["model"])
        onnx.checker.check_model(model, full_check=True)
        assert {opset.domain for opset in model.opset_import} <= {"", "ai.onnx.ml"}
        assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}
        assert [entry.name for entry in model.graph.input] == ["features"]
        assert [entry.name for entry in model.graph.output] == ["probabilities"]
        tensors = model.graph.initializer
        assert len(tensors)
        assert all(one.data_location == onnx.TensorProto.DEFAULT for one in tensors)
        assert not any(one.external_data for one in tensors)


class TestTheCandidate:
    def test_it_can_be_stored_and_read_back(self) -> None:
        draft = Draft.of("propensity", a_candidate(), created_at=1, created_by="test")
        assert draft.manifest.scorer.kind == "onnx"
        assert draft.manifest.horizon_days == 30

    def test_it_passes_its_own_golden_gate(self) -> None:
        check_golden(served(), a_candidate().golden)

    def test_the_metrics_are_those_of_the_served_probabilities(self) -> None:
        held_out = a_training_set(COEFFICIENTS, intercept=INTERCEPT, rows=20_000).held_out
        metrics = dict(a_candidate().metrics)
        assert metrics.pop("parity_max_abs_difference") <= 1e-12
        scores = served().score(held_out.matrix)
        assert metrics == evaluate(HeldOut(ASKED, held_out.labels, scores))
        assert set(metrics) == {
            "auc",
            "log_loss",
            "brier",
            "ece",
            "lift_quality",
            "base_rate",
            "base_rate_log_loss",
            "held_out_customers",
        }
        assert metrics["log_loss"] < metrics["base_rate_log_loss"]

    def test_the_evidence_is_that_of_the_held_out_customers(self) -> None:
        examples = a_training_set(COEFFICIENTS, intercept=INTERCEPT, rows=20_000)
        candidate, held_out = a_candidate(), a_candidate().held_out
        assert held_out is not None
        assert held_out.asked == ASKED
        assert held_out.labels.tobytes() == examples.held_out.labels.tobytes()
        scores = served().score(examples.held_out.matrix)
        assert held_out.probabilities.tobytes() == scores.tobytes()
        assert candidate.intervals == intervals(held_out)
        assert candidate.calibration == calibration(held_out)

    def test_it_is_stored_with_its_evidence(self) -> None:
        draft = Draft.of("propensity", a_candidate(), created_at=1, created_by="test")
        assert set(draft.blobs) == {"model", "golden", "held_out", "reference"}
        assert draft.manifest.intervals == a_candidate().intervals

    def test_a_model_of_the_true_law_is_calibrated(self) -> None:
        for bin_ in a_candidate().calibration:
            assert bin_.mean_probability == pytest.approx(bin_.observed_rate, abs=0.05)

    def test_the_facts_say_what_it_was_trained_on_and_with(self) -> None:
        facts = a_candidate().facts
        examples = a_training_set(COEFFICIENTS, intercept=INTERCEPT, rows=20_000)
        assert facts["training_cut_offs"] == ["2025-12-31T12:00:00Z"]
        assert facts["held_out_cut_off"] == "2026-01-30T12:00:00Z"
        assert facts["horizon_days"] == 30
        assert facts["training_rows"] == 20_000
        assert facts["training_buyers"] == examples.training.buyers
        assert facts["held_out_buyers"] == examples.held_out.buyers
        assert facts["customers"] == 20_000
        assert facts["purchases"] == 200_000
        assert facts["hyperparameters"] == {"C": 1.0, **training.HYPERPARAMETERS}
        libraries = facts["libraries"]
        assert isinstance(libraries, dict)
        assert set(libraries) == {"scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy"}


class TestGoldenVectors:
    def test_they_hold_the_row_of_an_empty_history_though_nobody_held_out_has_one(self) -> None:
        examples = a_training_set(rows=500)
        spenders = replace(examples.held_out, matrix=examples.held_out.matrix + 0.01)
        candidate = train(replace(examples, held_out=spenders), build_scorer=OnnxScorer.build)
        assert candidate.golden.matrix[:2, 0].tolist() == [0.0, 0.01]

    def test_the_rest_are_held_out_rows_and_at_most_two_hundred(self) -> None:
        golden = a_candidate().golden.matrix.tolist()
        examples = a_training_set(COEFFICIENTS, intercept=INTERCEPT, rows=20_000)
        held_out = {tuple(row) for row in examples.held_out.matrix.tolist()}
        assert {tuple(row) for row in golden} - {(0.0, 0.0)} <= held_out
        assert 100 < len(golden) <= 201

    def test_they_spread_over_the_whole_range_of_scores(self) -> None:
        held_out = a_training_set(COEFFICIENTS, intercept=INTERCEPT, rows=20_000).held_out
        scores, golden = served().score(held_out.matrix), a_candidate().golden.probabilities
        assert golden.min() == pytest.approx(scores.min(), abs=1e-9)
        assert golden.max() == pytest.approx(scores.max(), abs=1e-9)
        for quantile in (0.25, 0.5, 0.75):
            expected = np.quantile(scores, quantile)
            assert np.quantile(golden, quantile) == pytest.approx(expected, abs=0.05)


class BiasedScorer:
    """The scorer it wraps, off by `bias` on one row."""

    def __init__(self, scorer: Scorer, bias: float) -> None:
        self.scorer = scorer
        self.bias = bias

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        scores = self.scorer.score(matrix)
        scores[-1] += self.bias
        return scores


def biased_by(bias: float) -> ScorerFactory:
    def build(options: Mapping[str, object], blobs: Mapping[str, bytes], /) -> Scorer:
        return BiasedScorer(OnnxScorer.build(options, blobs), bias)

    return build


class TestRefusals:
    @pytest.mark.parametrize("bias", [2e-6, -2e-6])
    def test_an_export_that_scores_one_row_otherwise_is_refused_with_the_figures(
        self, bias: float
    ) -> None:
        with pytest.raises(TrainingRefused) as caught:
            train(a_training_set(), build_scorer=biased_by(bias))
        assert caught.value.field == "export"
        assert not missing(caught.value.reason, "2e-06", 2000, "1e-06")

    def test_an_export_that_scores_nothing_is_refused(self) -> None:
        with pytest.raises(TrainingRefused) as caught:
            train(a_training_set(), build_scorer=biased_by(np.nan))
        assert caught.value.field == "export"
        assert not missing(caught.value.reason, "nan", 2000)

    def test_a_difference_within_the_tolerance_is_recorded(self) -> None:
        candidate = train(a_training_set(), build_scorer=biased_by(-5e-7))
        assert candidate.metrics["parity_max_abs_difference"] == pytest.approx(5e-7, rel=1e-3)

    @pytest.mark.parametrize("bought", [True, False])
    def test_held_out_customers_of_one_class_cannot_be_judged(self, bought: bool) -> None:
        examples = a_training_set()
        one_class = replace(examples.held_out, labels=np.full(len(examples.held_out), bought))
        with pytest.raises(TrainingRefused) as caught:
            train(replace(examples, held_out=one_class), build_scorer=OnnxScorer.build)
        assert caught.value.field == "evaluation"

    @pytest.mark.parametrize("bought", [True, False])
    def test_one_class_is_refused(self, bought: bool) -> None:
        examples = a_training_set()
        one_class = replace(examples.training, labels=np.full(len(examples.training), bought))
        with pytest.raises(TrainingRefused) as caught:
            train(replace(examples, training=one_class), build_scorer=OnnxScorer.build)
        assert caught.value.field == "training"

    def test_a_fit_that_does_not_converge_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hurried = {**training.HYPERPARAMETERS, "max_iter": 1}
        monkeypatch.setattr(training.fitting, "HYPERPARAMETERS", hurried)
        with pytest.raises(TrainingRefused) as caught:
            train(a_training_set(), build_scorer=OnnxScorer.build)
        assert caught.value.field == "training"
        assert isinstance(caught.value.__cause__, ConvergenceWarning)

    def test_a_horizon_that_is_not_whole_days_is_refused(self) -> None:
        examples = a_training_set(horizon_us=30 * DAY + 1)
        with pytest.raises(TrainingRefused) as caught:
            train(examples, build_scorer=OnnxScorer.build)
        assert caught.value.field == "horizon"
        assert not missing(caught.value.reason, 30 * DAY + 1)

    @pytest.mark.parametrize("module", ["sklearn", "skl2onnx", "onnx"])
    def test_without_the_extra_the_way_out_is_named(
        self, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(TrainingRefused, match=r"pip install 'propensity\[train\]'"):
            train(a_training_set(), build_scorer=OnnxScorer.build)


@pytest.mark.parametrize("name", built_in_sets())
def test_every_named_feature_set_scores_a_row_alone_as_in_any_batch(name: str) -> None:
    features = built_in_sets()[name].in_currency(USD).knowing(BaseRates(0.5, {}))
    width = len(features.names)
    examples = replace(a_training_set([0.01] * width), features=features)
    candidate = train(examples, build_scorer=OnnxScorer.build)
    scorer = OnnxScorer.build(candidate.scorer_options, candidate.blobs)
    rows = examples.held_out.matrix[:100]
    together = scorer.score(rows)
    assert candidate.metrics["parity_max_abs_difference"] <= 1e-12
    for size in (1, 2, 3, 7, 16, 64):
        apart = [scorer.score(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert np.concatenate(apart).tobytes() == together.tobytes()


def test_version_one_is_trained_on_its_single_feature() -> None:
    examples = replace(a_training_set(), features=total_purchase_volume_30d(USD))
    candidate = train(examples, build_scorer=OnnxScorer.build)
    assert candidate.features.names == ("total_purchase_volume_30d",)
    assert candidate.golden.matrix.shape[1] == 1

"""What every Scorer promises, and what the ONNX one adds to it."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from adapters.scorers.constant import ConstantScorer
from adapters.scorers.linear import LinearScorer
from adapters.scorers.onnx import OnnxScorer
from adapters.training import SCORER_OPTIONS, train
from domain.errors import CorruptRecord
from domain.prediction import Scorer
from model_registry.contract import ScorerContract
from model_registry.versions import Candidate
from tests.training_sets import a_graph, a_training_set, spends, tensor

FIVE = (0.02, -0.01, 0.005, 0.0, 0.03)


@cache
def candidate(width: int) -> Candidate:
    """Trained once for each number of features: it takes a moment."""
    return train(a_training_set(FIVE[:width]), build_scorer=OnnxScorer.build)


@cache
def float32_graph() -> bytes:
    """A graph as skl2onnx makes it by default."""
    examples = a_training_set(FIVE).training
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(examples.matrix, examples.labels)
    features = [("features", FloatTensorType([None, len(FIVE)]))]
    graph = to_onnx(pipeline, initial_types=features, options={"zipmap": False})
    content: bytes = graph.SerializeToString()
    return content


class TestOnnxOfOneFeature(ScorerContract):
    width = 1

    def build(self) -> Scorer:
        return OnnxScorer.build(candidate(1).scorer_options, candidate(1).blobs)


class TestOnnxOfFiveFeatures(ScorerContract):
    width = 5

    def build(self) -> Scorer:
        return OnnxScorer.build(candidate(5).scorer_options, candidate(5).blobs)


class TestOnnxInFloat32(ScorerContract):
    width = 5

    def build(self) -> Scorer:
        return OnnxScorer.build({**SCORER_OPTIONS, "dtype": "float32"}, {"model": float32_graph()})


class TestConstant(ScorerContract):
    width = 3

    def build(self) -> Scorer:
        return ConstantScorer.build({"probability": 0.25, "width": 3}, {})


class TestLinearOfOneFeature(ScorerContract):
    width = 1

    def build(self) -> Scorer:
        return LinearScorer.build({"coefficients": [0.02], "intercept": -1}, {})


class TestLinearOfFiveFeatures(ScorerContract):
    width = 5

    def build(self) -> Scorer:
        return LinearScorer.build({"coefficients": list(FIVE), "intercept": -0.5}, {})


class TestLinearOfStandardisedFeatures(ScorerContract):
    width = 3

    def build(self) -> Scorer:
        standardised = {"mean": [80.5, 79.0, 3.1], "scale": [81.3, 0.7, 2.9]}
        return LinearScorer.build({"coefficients": FIVE[:3], "intercept": -0.5, **standardised}, {})


KITS = [
    TestOnnxOfOneFeature(),
    TestOnnxOfFiveFeatures(),
    TestOnnxInFloat32(),
    TestConstant(),
    TestLinearOfFiveFeatures(),
    TestLinearOfStandardisedFeatures(),
]
named = pytest.mark.parametrize("kit", KITS, ids=lambda kit: type(kit).__name__)


@named
@given(amounts=st.lists(st.floats(0.0, 1e12), min_size=1, max_size=100))
def test_a_row_scores_alike_whatever_its_neighbours(
    kit: ScorerContract, amounts: list[float]
) -> None:
    scorer = kit.build()
    matrix = np.repeat(np.array(amounts)[:, np.newaxis], kit.width, axis=1)
    alone = np.concatenate([scorer.score(row[np.newaxis]) for row in matrix])
    assert scorer.score(matrix).tobytes() == alone.tobytes()
    assert scorer.score(matrix[::-1]).tobytes() == alone[::-1].tobytes()


@named
@pytest.mark.parametrize("row", [0, 70])
def test_a_value_that_is_not_finite_is_named(kit: ScorerContract, row: int) -> None:
    matrix = kit.matrix(71)
    matrix[row, kit.width - 1] = np.nan
    with pytest.raises(ValueError, match=f"row {row}, column {kit.width - 1} "):
        kit.build().score(matrix)


@named
def test_a_shape_that_is_due_is_named(kit: ScorerContract) -> None:
    with pytest.raises(ValueError, match=rf"\(n, {kit.width}\)"):
        kit.build().score(np.ones((3, kit.width + 1)))


def test_the_linear_scorer_is_a_logistic_regression() -> None:
    scorer = TestLinearOfFiveFeatures().build()
    matrix = spends(50, 5)
    logits = matrix @ np.array(FIVE) - 0.5
    assert scorer.score(matrix) == pytest.approx(1.0 / (1.0 + np.exp(-logits)), abs=1e-12)


def test_the_linear_scorer_takes_the_numbers_of_a_scaled_regression_as_they_are() -> None:
    examples = a_training_set(FIVE).training
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(examples.matrix, examples.labels)
    scaler, regression = pipeline[0], pipeline[-1]
    options = {
        "coefficients": regression.coef_[0].tolist(),
        "intercept": float(regression.intercept_[0]),
        "mean": scaler.mean_.tolist(),
        "scale": scaler.scale_.tolist(),
    }
    scores = LinearScorer.build(options, {}).score(examples.matrix)
    assert scores == pytest.approx(pipeline.predict_proba(examples.matrix)[:, 1], abs=1e-12)


def test_a_linear_sum_without_a_value_is_rejected() -> None:
    scorer = LinearScorer.build({"coefficients": [1e308, -1e308], "intercept": 0}, {})
    with pytest.raises(ValueError, match="coefficients"):
        scorer.score(np.full((1, 2), 1e10))


def test_the_constant_scorer_gives_its_probability_to_everyone() -> None:
    assert TestConstant().build().score(np.ones((3, 3))).tolist() == [0.25] * 3


def test_an_amount_that_float32_cannot_hold_is_rejected_where_the_graph_takes_float32() -> None:
    scorer = TestOnnxInFloat32().build()
    with pytest.raises(ValueError, match=r"row 0, column 0 "):
        scorer.score(np.full((1, 5), 1e39))


@pytest.mark.parametrize("value", [-0.001, 1.001, np.nan])
def test_a_graph_that_gives_no_probability_is_a_corrupt_record(value: float) -> None:
    operator = "Sqrt" if np.isnan(value) else "Identity"
    graph = a_graph(operator, [tensor("features", [None, 2])], [tensor("probabilities", [None, 2])])
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": graph})
    assert scorer.score(np.array([[0.0, 1.0]])).tolist() == [1.0]
    with pytest.raises(CorruptRecord, match="'probabilities'"):
        scorer.score(np.array([[0.0, -1.0 if np.isnan(value) else value]]))


def test_a_graph_that_gives_another_number_of_answers_is_a_corrupt_record() -> None:
    graph = a_graph(
        "Transpose", [tensor("features", [None, 2])], [tensor("probabilities", [2, "rows"])]
    )
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": graph})
    with pytest.raises(CorruptRecord, match=r"\b2 .*\b3 rows"):
        scorer.score(np.zeros((3, 2)))


def test_a_graph_that_cannot_be_run_is_a_corrupt_record() -> None:
    features = tensor("features", ["rows", 2])
    graph = a_graph("MatMul", [features, features], [tensor("probabilities", ["rows", 2])])
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": graph})
    with pytest.raises(CorruptRecord):
        scorer.score(np.zeros((3, 2)))


def test_scoring_imports_no_training_library_and_prints_nothing() -> None:
    code = (
        "import sys, adapters.scorers.onnx, adapters.scorers.constant, adapters.training\n"
        "try: adapters.scorers.onnx.OnnxScorer.build(dict(input='x', output='y', column=1,"
        " dtype='float64'), {'model': b'no graph'})\n"
        "except ValueError: pass\n"
        "sys.exit(', '.join({'sklearn', 'skl2onnx', 'scipy'} & set(sys.modules)) or None)"
    )
    done = subprocess.run(  # our own interpreter on our own text
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

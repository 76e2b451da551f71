"""What every Scorer promises, and what the ONNX one adds to it."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from adapters.scorers.constant import ConstantScorer
from adapters.scorers.onnx import OnnxScorer
from adapters.training import SCORER_OPTIONS, train
from domain.errors import CorruptRecord
from domain.ports import Scorer
from tests.training_sets import a_graph, a_training_set, spends, tensor

FIVE = (0.02, -0.01, 0.005, 0.0, 0.03)


@dataclass(frozen=True)
class Case:
    """A scorer, the number of features it takes, and how to build its equal."""

    build: Callable[[], Scorer]
    scorer: Scorer
    width: int


def _trained(coefficients: tuple[float, ...]) -> Callable[[], Scorer]:
    candidate = train(a_training_set(coefficients), build_scorer=OnnxScorer.build)
    return lambda: OnnxScorer.build(candidate.scorer_options, candidate.blobs)


def _float32(coefficients: tuple[float, ...]) -> Callable[[], Scorer]:
    examples = a_training_set(coefficients).training
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(examples.matrix, examples.labels)
    features = [("features", FloatTensorType([None, len(coefficients)]))]
    graph = to_onnx(pipeline, initial_types=features, options={"zipmap": False})
    options = {**SCORER_OPTIONS, "dtype": "float32"}
    return lambda: OnnxScorer.build(options, {"model": graph.SerializeToString()})


def _constant(width: int) -> Callable[[], Scorer]:
    return lambda: ConstantScorer.build({"probability": 0.25, "width": width}, {})


CASES: dict[str, Callable[[], tuple[Callable[[], Scorer], int]]] = {
    "onnx of one feature": lambda: (_trained(FIVE[:1]), 1),
    "onnx of five features": lambda: (_trained(FIVE), 5),
    "onnx of five features in float32": lambda: (_float32(FIVE), 5),
    "constant of one feature": lambda: (_constant(1), 1),
    "constant of five features": lambda: (_constant(5), 5),
}


@cache
def case_of(name: str) -> Case:
    """Each case is built once: training takes a moment."""
    build, width = CASES[name]()
    return Case(build, build(), width)


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(str(request.param))


def matrix_of(case: Case, rows: int) -> NDArray[np.float64]:
    """Ordinary rows, and every hundredth one absurdly rich."""
    matrix = spends(rows, case.width, seed=rows)
    matrix[99::100] *= 1e9
    return matrix


def bits(scores: NDArray[np.float64]) -> bytes:
    return scores.tobytes()


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_there_is_one_probability_for_each_row(case: Case, rows: int) -> None:
    scores = case.scorer.score(matrix_of(case, rows))
    assert scores.shape == (rows,)
    assert scores.dtype == np.float64
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def test_no_rows_give_no_probabilities(case: Case) -> None:
    scores = case.scorer.score(np.empty((0, case.width)))
    assert scores.shape == (0,)
    assert scores.dtype == np.float64


def test_a_batch_of_any_size_scores_as_its_rows_alone_bit_for_bit(case: Case) -> None:
    matrix = matrix_of(case, 1000)
    alone = np.concatenate([case.scorer.score(matrix[row : row + 1]) for row in range(1000)])
    for size in (*range(1, 70), 127, 128, 129, 255, 256, 257, 511, 512, 513, 999, 1000):
        assert bits(case.scorer.score(matrix[:size])) == bits(alone[:size])
        assert bits(case.scorer.score(matrix[-size:])) == bits(alone[-size:])


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None)
@given(amounts=st.lists(st.floats(0.0, 1e12), min_size=1, max_size=100))
def test_a_row_scores_alike_whatever_its_neighbours(name: str, amounts: list[float]) -> None:
    case = case_of(name)
    matrix = np.repeat(np.array(amounts)[:, np.newaxis], case.width, axis=1)
    alone = np.concatenate([case.scorer.score(row[np.newaxis]) for row in matrix])
    assert bits(case.scorer.score(matrix)) == bits(alone)
    assert bits(case.scorer.score(matrix[::-1])) == bits(alone[::-1])


def test_scores_are_in_the_order_of_the_rows(case: Case) -> None:
    matrix = matrix_of(case, 500)
    order = np.random.default_rng(3).permutation(500)
    assert bits(case.scorer.score(matrix[order])) == bits(case.scorer.score(matrix)[order])


def test_scoring_again_and_by_another_scorer_of_the_same_content_gives_the_same(
    case: Case,
) -> None:
    matrix = matrix_of(case, 100)
    once = bits(case.scorer.score(matrix))
    assert bits(case.scorer.score(matrix)) == once
    assert bits(case.build().score(matrix)) == once


def test_the_input_is_left_as_it_was_and_the_answer_is_the_callers_own(case: Case) -> None:
    matrix = matrix_of(case, 100)
    before = matrix.copy()
    matrix.flags.writeable = False
    scores = case.scorer.score(matrix)
    expected = bits(scores)
    scores[:] = 2.0
    assert (matrix == before).all()
    assert bits(case.scorer.score(matrix)) == expected


def test_a_matrix_that_is_not_contiguous_scores_as_its_copy(case: Case) -> None:
    wide = spends(200, 2 * case.width)
    for view in (np.asfortranarray(wide)[:, ::2], wide[::2, ::2], wide[::-1, : case.width]):
        assert bits(case.scorer.score(view)) == bits(case.scorer.score(view.copy()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 70])
def test_a_value_that_is_not_finite_is_rejected_and_named(
    case: Case, value: float, row: int
) -> None:
    matrix = matrix_of(case, 71)
    matrix[row, case.width - 1] = value
    with pytest.raises(ValueError, match=f"row {row}, column {case.width - 1} .* not finite"):
        case.scorer.score(matrix)


def test_a_matrix_of_another_shape_is_rejected(case: Case) -> None:
    width = case.width
    for shape in ((3, width + 1), (3, width - 1), (0, width + 1), (width,), (1, 3, width), ()):
        with pytest.raises(ValueError, match=rf"shape \(n, {width}\) is due"):
            case.scorer.score(np.ones(shape))


def test_eight_threads_score_as_one(case: Case) -> None:
    batches = [matrix_of(case, rows) for rows in range(1, 100)]
    expected = [bits(case.scorer.score(batch)) for batch in batches]
    with ThreadPoolExecutor(8) as threads:
        together = threads.map(lambda batch: bits(case.scorer.score(batch)), batches * 4)
        assert list(together) == expected * 4


def test_the_constant_scorer_gives_its_probability_to_everyone() -> None:
    assert case_of("constant of one feature").scorer.score(np.ones((3, 1))).tolist() == [0.25] * 3


def test_an_amount_that_float32_cannot_hold_is_rejected_where_the_graph_takes_float32() -> None:
    case = case_of("onnx of five features in float32")
    with pytest.raises(ValueError, match=r"row 0, column 0 .* not finite"):
        case.scorer.score(np.full((1, 5), 1e39))


@pytest.mark.parametrize("value", [-0.001, 1.001, np.nan])
def test_a_graph_that_gives_no_probability_is_a_corrupt_record(value: float) -> None:
    operator = "Sqrt" if np.isnan(value) else "Identity"
    graph = a_graph(operator, [tensor("features", [None, 2])], [tensor("probabilities", [None, 2])])
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": graph})
    assert scorer.score(np.array([[0.0, 1.0]])).tolist() == [1.0]
    with pytest.raises(CorruptRecord, match="'probabilities' holds a value that is no probability"):
        scorer.score(np.array([[0.0, -1.0 if np.isnan(value) else value]]))


def test_a_graph_that_gives_another_number_of_answers_is_a_corrupt_record() -> None:
    graph = a_graph(
        "Transpose", [tensor("features", [None, 2])], [tensor("probabilities", [2, "rows"])]
    )
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": graph})
    with pytest.raises(CorruptRecord, match="2 answers to 3 rows"):
        scorer.score(np.zeros((3, 2)))


def test_a_graph_that_cannot_be_run_is_a_corrupt_record() -> None:
    features = tensor("features", ["rows", 2])
    graph = a_graph("MatMul", [features, features], [tensor("probabilities", ["rows", 2])])
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": graph})
    with pytest.raises(CorruptRecord, match="cannot be run"):
        scorer.score(np.zeros((3, 2)))


def test_scoring_imports_no_training_library_and_prints_nothing() -> None:
    code = (
        "import sys, adapters.scorers.onnx, adapters.scorers.constant, adapters.training\n"
        "try: adapters.scorers.onnx.OnnxScorer.build(dict(input='x', output='y', column=1,"
        " dtype='float64'), {'model': b'no graph'})\n"
        "except ValueError: pass\n"
        "sys.exit(', '.join({'sklearn', 'skl2onnx', 'onnx'} & set(sys.modules)) or None)"
    )
    done = subprocess.run(  # our own interpreter on our own text
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

"""Every test of the scorers' contract can fail: each of these scorers breaks one promise."""

from collections.abc import Callable
from threading import Lock

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.scorers.linear import LinearScorer
from domain.prediction import Scorer
from model_registry.contract import ScorerContract
from tests.builders import missing

Matrix = NDArray[np.float64]
SOUND = LinearScorer.build({"coefficients": [0.02, -0.01, 0.005], "intercept": -0.5}, {})
TESTS = [name for name in vars(ScorerContract) if name.startswith("test_")]


class Broken:
    """A sound scorer but for one thing."""

    def __init__(self, score: Callable[[Matrix], Matrix]) -> None:
        self._score = score

    def score(self, matrix: Matrix, /) -> Matrix:
        return self._score(matrix)


def depends_on_neighbours(matrix: Matrix) -> Matrix:
    return SOUND.score(matrix - matrix.mean(axis=0)) if len(matrix) else SOUND.score(matrix)


def changes_its_input(matrix: Matrix) -> Matrix:
    scores = SOUND.score(matrix)
    matrix += 1.0
    return scores


def takes_what_is_not_finite(matrix: Matrix) -> Matrix:
    return SOUND.score(np.nan_to_num(matrix, posinf=1.0, neginf=0.0))


def takes_any_width(matrix: Matrix) -> Matrix:
    return SOUND.score(np.resize(matrix, (len(matrix), 3)))


def reads_raw_memory(matrix: Matrix) -> Matrix:
    SOUND.score(matrix)
    base = matrix if matrix.base is None else matrix.base
    return SOUND.score(np.resize(np.ravel(base, order="K"), matrix.shape))


def sorts_its_rows(matrix: Matrix) -> Matrix:
    return np.sort(SOUND.score(matrix))


class Forgetful:
    """Gives out its own buffer."""

    def __init__(self) -> None:
        self._buffers: dict[bytes, Matrix] = {}

    def score(self, matrix: Matrix, /) -> Matrix:
        return self._buffers.setdefault(matrix.tobytes(), SOUND.score(matrix))


class Drifting:
    """Never scores twice alike."""

    def __init__(self) -> None:
        self._calls = 0

    def score(self, matrix: Matrix, /) -> Matrix:
        self._calls += 1
        return SOUND.score(matrix) / (1 + self._calls * 1e-9)


class Crowded:
    """Loses its head when two ask at once."""

    def __init__(self) -> None:
        self._lock = Lock()

    def score(self, matrix: Matrix, /) -> Matrix:
        if not self._lock.acquire(blocking=False):
            return np.zeros(len(matrix))
        try:
            return sum((SOUND.score(matrix) for _ in range(200)), np.zeros(len(matrix))) / 200
        finally:
            self._lock.release()


BREAKS: dict[str, Callable[[], Scorer]] = {
    "test_there_is_one_probability_for_each_row": lambda: Broken(lambda m: 2 * SOUND.score(m)),
    "test_a_batch_of_any_size_scores_as_its_rows_alone": lambda: Broken(depends_on_neighbours),
    "test_scores_are_in_the_order_of_the_rows": lambda: Broken(sorts_its_rows),
    "test_scoring_is_deterministic": Drifting,
    "test_the_input_is_left_as_it_was_and_the_answer_is_the_callers_own": Forgetful,
    "test_a_view_scores_as_its_copy": lambda: Broken(reads_raw_memory),
    "test_what_is_not_finite_is_rejected": lambda: Broken(takes_what_is_not_finite),
    "test_another_shape_is_rejected": lambda: Broken(takes_any_width),
    "test_threads_score_as_one": Crowded,
}


DUE = {
    "test_there_is_one_probability_for_each_row": "[0, 1]",
    "test_what_is_not_finite_is_rejected": "ValueError",
    "test_another_shape_is_rejected": "ValueError",
}
"""What the message names as due; else a probability."""


def contract_of(build: Callable[[], Scorer]) -> ScorerContract:
    class Contract(ScorerContract):
        width = 3

        def build(self) -> Scorer:
            return build()

    return Contract()


def test_every_promise_has_a_scorer_that_breaks_it() -> None:
    assert list(BREAKS) == TESTS


@pytest.mark.parametrize("name", TESTS)
def test_a_sound_scorer_passes(name: str) -> None:
    getattr(contract_of(lambda: SOUND), name)()


@pytest.mark.parametrize("name", TESTS)
def test_a_broken_scorer_is_told_what_is_due(name: str) -> None:
    with pytest.raises(AssertionError) as caught:
        getattr(contract_of(BREAKS[name]), name)()
    assert not missing(caught.value, DUE.get(name, "np.float64"))


@pytest.mark.parametrize(
    ("score", "due", "seen"),
    [
        (lambda m: SOUND.score(m)[:-1], "(1,)", "(0,)"),
        (lambda m: SOUND.score(m)[:, np.newaxis], "(0,)", "(0, 1)"),
        (lambda m: SOUND.score(m).astype(np.float32), "float64", "float32"),
        (lambda m: SOUND.score(m) * np.nan, "[0, 1]", "nan"),
        (lambda m: -SOUND.score(m), "[0, 1]", "[-0."),
        (lambda m: SOUND.score(m).tolist(), "(0,)", "list"),
    ],
    ids=["too few", "a column", "float32", "not a number", "negative", "a list"],
)
def test_what_is_no_probability_for_each_row_is_told(
    score: Callable[[Matrix], Matrix], due: str, seen: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        contract_of(lambda: Broken(score)).test_there_is_one_probability_for_each_row()
    assert due in str(caught.value)
    assert seen in str(caught.value)


def test_a_scorer_that_changes_its_input_is_told() -> None:
    contract = contract_of(lambda: Broken(changes_its_input))
    before = repr(contract.matrix(100)[0])
    with pytest.raises(AssertionError) as caught:
        contract.test_the_input_is_left_as_it_was_and_the_answer_is_the_callers_own()
    assert before in str(caught.value)


def test_the_first_row_that_differs_is_told() -> None:
    def otherwise_from_row_70(matrix: Matrix) -> Matrix:
        return SOUND.score(matrix) * np.where(np.arange(len(matrix)) < 70, 1.0, 0.5)

    contract = contract_of(lambda: Broken(otherwise_from_row_70))
    with pytest.raises(AssertionError) as caught:
        contract.test_a_batch_of_any_size_scores_as_its_rows_alone()
    assert not missing(caught.value, 127, 70)


@pytest.mark.parametrize("error", [IndexError("no such column"), ZeroDivisionError()])
def test_another_error_than_the_promised_one_is_told(error: Exception) -> None:
    def fails(matrix: Matrix) -> Matrix:
        if matrix.shape[1:] != (3,):
            raise error
        return SOUND.score(matrix)

    contract = contract_of(lambda: Broken(fails))
    with pytest.raises(AssertionError) as caught:
        contract.test_another_shape_is_rejected()
    assert repr(error) in str(caught.value)
    assert not missing(caught.value, "(3, 4)", "ValueError")


def test_a_contract_without_a_scorer_says_what_to_override() -> None:
    class Forgotten(ScorerContract):
        width = 1

    with pytest.raises(NotImplementedError, match="build"):
        Forgotten().test_there_is_one_probability_for_each_row()

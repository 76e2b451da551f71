"""The contract of every scorer as tests that its author runs with pytest, in three lines.

class TestMine(ScorerContract):
    width = 3
    def build(self): return MyScorer.build({"depth": 2}, {"model": CONTENT})
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from domain.prediction import Scorer

_SIZES = (*range(1, 70), 127, 128, 129, 255, 256, 257, 511, 512, 513, 999, 1000)
"""Batches around the widths at which vectorised code changes its ways."""
_THREADS = 8


class ScorerContract:
    """What `domain.prediction.Scorer` promises; every test says what is due and what it saw.

    A subclass gives `width`, the number of features, and `build`. Where probabilities depend on
    more than amounts of money from 0 to a billion, it overrides `matrix` as well.

    Raises:
        AssertionError: the scorer breaks the promise that the test is named after.
    """

    width: int

    def build(self) -> Scorer:
        """A new scorer of always the same content."""
        raise NotImplementedError("a contract needs a scorer: override build")

    def matrix(self, rows: int) -> NDArray[np.float64]:
        """Rows of ordinary amounts, every hundredth absurdly rich. Shape: (rows, width) float64."""
        amounts = np.random.default_rng(rows).exponential(80.0, (rows, self.width)).round(2)
        amounts[99::100] *= 1e6
        return amounts

    def test_there_is_one_probability_for_each_row(self) -> None:
        """Shape (n,), float64, within [0, 1]; no rows give none."""
        scorer = self.build()
        for rows in (0, 1, 2, 3, 1000):
            scores = scorer.score(self.matrix(rows))
            array = isinstance(scores, np.ndarray)  # pyright: ignore[reportUnnecessaryIsInstance]  # a plugin
            _expect(array, f"an array of shape ({rows},) is due, not {type(scores).__name__}")
            _expect(scores.shape == (rows,), f"shape ({rows},) is due, not {scores.shape}")
            _expect(scores.dtype == np.float64, f"float64 is due, not {scores.dtype}")
            inside = (scores >= 0.0) & (scores <= 1.0)  # false for NaN as well
            _expect(bool(inside.all()), f"[0, 1] is due, not {scores[~inside][:1]}")

    def test_a_batch_of_any_size_scores_as_its_rows_alone(self) -> None:
        """Bit for bit: a customer's probability depends on nobody else's features."""
        scorer, matrix = self.build(), self.matrix(1000)
        alone = np.concatenate([scorer.score(matrix[row : row + 1]) for row in range(1000)])
        for size in _SIZES:
            _same(scorer.score(matrix[:size]), alone[:size], f"the first {size} rows")
            _same(scorer.score(matrix[-size:]), alone[-size:], f"the last {size} rows")

    def test_scores_are_in_the_order_of_the_rows(self) -> None:
        """Rows in another order give the same probabilities in that order."""
        scorer, matrix = self.build(), self.matrix(500)
        order = np.random.default_rng(3).permutation(500)
        _same(scorer.score(matrix[order]), scorer.score(matrix)[order], "rows in another order")

    def test_scoring_is_deterministic(self) -> None:
        """Again, and by another scorer of the same content: the same bits."""
        scorer, matrix = self.build(), self.matrix(100)
        once = scorer.score(matrix).copy()
        _same(scorer.score(matrix), once, "the second call")
        _same(self.build().score(matrix), once, "another scorer of the same content")

    def test_the_input_is_left_as_it_was_and_the_answer_is_the_callers_own(self) -> None:
        """Neither side may change what the other holds."""
        scorer, matrix = self.build(), self.matrix(100)
        before = matrix.copy()
        scores = scorer.score(matrix)
        _same(matrix, before, "the input after the call")
        expected = scores.copy()
        scores[:] = 2.0
        _same(scorer.score(matrix), expected, "a call after its last answer was changed")

    def test_a_view_scores_as_its_copy(self) -> None:
        """Columns or rows that do not lie together in memory make no difference."""
        scorer = self.build()
        wide = np.concatenate([self.matrix(200), self.matrix(200)], axis=1)
        views = (np.asfortranarray(wide)[:, : self.width], wide[::2, self.width :], wide[::-1, ::2])
        for view in views:
            _same(scorer.score(view), scorer.score(view.copy()), "a view that is not contiguous")

    def test_what_is_not_finite_is_rejected(self) -> None:
        """ValueError for NaN and both infinities, wherever they are."""
        scorer = self.build()
        for value in (np.nan, np.inf, -np.inf):
            for row in (0, 70):
                matrix = self.matrix(71)
                matrix[row, self.width - 1] = value
                _rejects(scorer, matrix, f"{value} in row {row}")

    def test_another_shape_is_rejected(self) -> None:
        """ValueError for another width, and for what is no matrix."""
        scorer, width = self.build(), self.width
        for shape in ((3, width + 1), (3, width - 1), (0, width + 1), (width,), (1, 3, width)):
            _rejects(scorer, np.ones(shape), f"shape {shape}")

    def test_threads_score_as_one(self) -> None:
        """One scorer serves many threads at once, with the same bits."""
        scorer = self.build()
        batches = [self.matrix(rows) for rows in range(1, 100)]
        expected = [scorer.score(batch).copy() for batch in batches]
        with ThreadPoolExecutor(_THREADS) as threads:
            answers = list(threads.map(scorer.score, batches * 4))
        for answer, alone in zip(answers, expected * 4, strict=True):
            _same(answer, alone, f"{_THREADS} threads at once")


def _same(found: NDArray[np.float64], due: NDArray[np.float64], what: str) -> None:
    _expect(found.shape == due.shape, f"{what}: shape {due.shape} is due, not {found.shape}")
    if found.tobytes() == due.tobytes():
        return
    for row, (seen, expected) in enumerate(zip(found, due, strict=True)):
        same = seen.tobytes() == expected.tobytes()
        _expect(same, f"{what}: {expected!r} is due bit for bit, not {seen!r}, in row {row}")


def _rejects(scorer: Scorer, matrix: NDArray[np.float64], what: str) -> None:
    try:
        scores = scorer.score(matrix)
    except ValueError:
        return
    except Exception as exc:  # a scorer may raise anything; what it did raise is told
        raise AssertionError(f"{what}: a ValueError is due, not {exc!r}") from exc
    raise AssertionError(f"{what}: a ValueError is due, not {scores!r:.80}")


def _expect(kept: bool, otherwise: str) -> None:  # noqa: FBT001  # the one thing it is about
    if not kept:
        raise AssertionError(otherwise)

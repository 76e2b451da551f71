"""Drift: bins, counts that merge, measures by their formulas, and thresholds that know the sizes."""

from collections.abc import Sequence
from math import inf, isfinite, log, nan, nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from domain.drift import (
    FEWEST,
    SCORE,
    WIDTH,
    Bins,
    Measure,
    Reference,
    Sample,
    compare,
    independent_customers,
    jensen_shannon_distance,
    population_stability,
    tally_of,
)
from domain.drift.bins import HEAVY, MOST_BINS
from domain.features import Aggregation, FeatureSet
from tests.builders import USD, a_feature

numbers = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, 2.0, 2.5])
few = st.sampled_from([0.0, 1.0, 2.0, 2.5, 1e9, nan])
columns = st.lists(numbers, min_size=1, max_size=60) | st.lists(few, min_size=1, max_size=60)
count_pairs = st.integers(1, 6).flatmap(
    lambda bins: st.tuples(
        *(st.lists(st.integers(0, 50), min_size=bins, max_size=bins) for _ in range(2))
    )
)
FEATURES = FeatureSet((a_feature(), a_feature(Aggregation.DAYS_SINCE_LAST_PURCHASE)), USD)


def array(values: Sequence[float]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def a_reference(rows: int = 1_000, *, seed: int = 0) -> Reference:
    """Of customers of whom a fifth bought nothing in the window."""
    matrix, scores = a_matrix(rows, seed=seed)
    return Reference.of(FEATURES, matrix, scores, np.arange(rows))


def a_matrix(rows: int, *, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    bought = rng.random(rows) < 0.8
    spent = np.where(bought, rng.lognormal(3.0, 1.0, rows).round(2), 0.0)
    since = np.where(bought, rng.integers(0, 30, rows), 30.0)
    return np.column_stack([spent, since]), 1 / (1 + np.exp(-spent / 50 + since / 10))


def a_sample(reference: Reference, rows: int, *, seed: int, times: float = 1.0) -> Sample:
    """As many customers of the same law, whose spends are multiplied."""
    matrix, scores = a_matrix(rows, seed=seed)
    matrix[:, 0] *= times
    return Sample.of([tally_of(reference.codes(np.column_stack([matrix, scores])))])


REFERENCE = a_reference()


class TestBins:
    @given(columns, columns)
    def test_each_value_lies_below_its_upper_edge_and_above_the_one_before(
        self, values: list[float], others: list[float]
    ) -> None:
        bins = Bins.of(array(values), 0.0)
        for value, code in zip(others, bins.codes(array(others)).tolist(), strict=True):
            if not isfinite(value) or value == 0.0:
                assert code == 0
                continue
            lower = bins.edges[code - 2] if code >= 2 else -inf
            upper = bins.edges[code - 1] if code <= len(bins.edges) else inf
            assert lower < value <= upper

    @given(columns)
    def test_there_are_few_and_none_holds_much_more_than_a_tenth(self, values: list[float]) -> None:
        bins = Bins.of(array(values), None)
        codes = bins.codes(array(values))
        there = codes[codes > 0]
        assert 1 <= len(bins) <= MOST_BINS
        for code in np.unique(there):
            inside = array(values)[codes == code]
            assert len(np.unique(inside)) == 1 or len(inside) <= 2 * HEAVY * len(there) + 1

    def test_a_heavy_value_is_alone(self) -> None:
        values = array([1.0] * 30 + [2.0] * 30 + list(np.linspace(3, 9, 40)))
        bins = Bins.of(values, None)
        for heavy in (1.0, 2.0):
            among = set(values[bins.codes(values) == bins.codes(array([heavy]))].tolist())
            assert among == {heavy}
        assert bins.codes(array([nextafter(1.0, -inf)])) != bins.codes(array([1.0]))

    @pytest.mark.parametrize(
        "edges", [[1.0, 1.0], [2.0, 1.0], [nan], [inf], list(range(MOST_BINS))]
    )
    def test_edges_that_are_none_are_refused(self, edges: list[float]) -> None:
        with pytest.raises(ValueError, match="edges"):
            Bins(array(edges), None)


class TestTheReference:
    @given(st.integers(1, 300), st.integers(0, 9))
    def test_tallies_of_parts_add_up_in_any_order(self, rows: int, seed: int) -> None:
        reference = REFERENCE
        codes = reference.codes(np.column_stack(a_matrix(rows, seed=seed)))
        order = np.random.default_rng(seed).permutation(rows)
        cut = rows // 3
        parts = [codes[order[:cut]], codes[order[cut:]]]
        together = Sample.of([tally_of(part) for part in parts])
        assert together.tally.tolist() == tally_of(codes).tolist()
        assert together.tally.sum(axis=1).tolist() == [rows] * 3

    def test_an_empty_history_is_missing_in_every_input(self) -> None:
        reference = a_reference()
        assert reference.codes(np.array([[0.0, 30.0, 0.5]])).tolist() == [[0, 0, 0]]
        half_empty = reference.codes(np.array([[0.0, 3.0, 0.5]]))[0]
        assert half_empty[0] == 0
        assert half_empty[1:].all()
        assert reference.codes(np.array([[nan, 3.0, 0.5]]))[0, 0] == 0

    def test_a_customer_with_many_rows_counts_once(self) -> None:
        matrix, scores = a_matrix(300, seed=1)
        rows = np.repeat(np.arange(300), 7)
        found = Reference.of(FEATURES, matrix[rows], scores[rows], rows)
        once = Reference.of(FEATURES, matrix, scores, np.arange(300))
        assert found.customers == 300
        assert found.tally.tolist() == once.tally.tolist()
        assert found.inputs == (*FEATURES.names, SCORE)

    def test_counts_that_are_none_are_refused(self) -> None:
        reference = a_reference()
        for wrong in (
            reference.tally[:2],
            -reference.tally,
            reference.tally * np.array([[1], [2], [1]]),
            np.roll(reference.tally, WIDTH // 2, axis=1),
        ):
            with pytest.raises(ValueError):
                reference.with_tally(wrong)


class TestMeasures:
    @given(count_pairs)
    def test_they_are_what_their_formulas_say(self, pair: tuple[list[int], list[int]]) -> None:
        one, other = (array(counts) for counts in pair)
        p = [(each + 0.5) / (sum(pair[0]) + len(one) / 2) for each in pair[0]]
        q = [(each + 0.5) / (sum(pair[1]) + len(one) / 2) for each in pair[1]]
        index = sum((a - b) * log(a / b) for a, b in zip(p, q, strict=True))
        assert float(population_stability(one, other)) == pytest.approx(index, abs=1e-12)
        distance = float(jensen_shannon_distance(one, other))
        if one.any() and other.any():
            assert distance == pytest.approx(float(jensenshannon(one, other, 2)), abs=1e-7)
        else:
            assert distance == 0.0

    @given(count_pairs)
    def test_they_are_the_same_the_other_way_round(self, pair: tuple[list[int], list[int]]) -> None:
        one, other = (array(counts) for counts in pair)
        for measure in (population_stability, jensen_shannon_distance):
            assert float(measure(one, other)) == pytest.approx(float(measure(other, one)), abs=1e-9)
            assert float(measure(one, one)) == 0.0


class TestComparing:
    def test_a_threshold_falls_with_the_number_of_customers_down_to_a_small_difference(
        self,
    ) -> None:
        reference = a_reference(1_000_000)
        found = [
            [each.threshold for each in comparison.measured]
            for rows in (200, 1_000, 5_000, 1_000_000)
            for comparison in [
                compare(reference.named_bins, reference.sample, a_sample(reference, rows, seed=1))
            ]
            if comparison is not None
        ]
        assert (np.diff(np.array(found[:3]), axis=0) < 0).all()
        at_least = {Measure.POPULATION_STABILITY: 0.01, Measure.JENSEN_SHANNON: 0.0425}
        for threshold, measure in zip(found[-1], list(Measure) * 3, strict=True):
            assert threshold == pytest.approx(at_least.get(measure, 0.04), abs=1e-3)

    def test_too_few_customers_say_nothing(self) -> None:
        reference = a_reference()
        for then, now in ((1_000, FEWEST - 1), (FEWEST - 1, 1_000)):
            pair = [a_sample(reference, rows, seed=rows) for rows in (then, now)]
            assert compare(reference.named_bins, *pair) is None

    def test_a_change_is_found_and_named(self) -> None:
        reference = a_reference()
        changed = compare(
            reference.named_bins, reference.sample, a_sample(reference, 1_000, seed=1, times=2.0)
        )
        assert changed is not None
        assert {(each.input, each.measure) for each in changed.drifted} == {
            (FEATURES.names[0], Measure.POPULATION_STABILITY),
            (FEATURES.names[0], Measure.JENSEN_SHANNON),
        }

    def test_missing_values_are_told_apart(self) -> None:
        reference = a_reference()
        codes = reference.codes(np.column_stack(a_matrix(1_000, seed=1)))
        codes[:200] = 0
        changed = compare(reference.named_bins, reference.sample, Sample.of([tally_of(codes)]))
        assert changed is not None
        assert {each.measure for each in changed.drifted} == {Measure.MISSING}
        assert len(changed.drifted) == 3
        assert changed.missing_then == pytest.approx([0.2] * 3, abs=0.03)
        assert changed.missing_now == pytest.approx([0.36] * 3, abs=0.03)

    def test_the_same_sizes_have_the_same_thresholds_every_time(self) -> None:
        reference, again = a_reference(), a_reference()
        one = compare(reference.named_bins, reference.sample, a_sample(reference, 700, seed=1))
        other = compare(again.named_bins, again.sample, a_sample(reference, 700, seed=1))
        assert one == other

    def test_nobody_with_a_value_on_one_side_is_a_matter_of_missing_ones(self) -> None:
        reference = a_reference()
        nobody = np.zeros_like(reference.tally)
        nobody[:, 0] = 1_000
        found = compare(reference.named_bins, reference.sample, Sample(nobody, 1_000))
        assert found is not None
        assert {each.measure for each in found.drifted} >= {Measure.MISSING}
        assert all(isfinite(each.value) for each in found.measured)


@given(st.lists(st.lists(st.booleans(), min_size=30, max_size=30), min_size=1, max_size=6))
def test_counts_of_several_processes_are_worth_no_more_than_they_are(
    asked: list[list[bool]],
) -> None:
    """Whoever is asked in which process: the bound never exceeds Kish's number."""
    times = np.array(asked).sum(axis=0)
    found = independent_customers([sum(process) for process in asked])
    assert found <= times.sum() ** 2 / max((times**2).sum(), 1) + 1e-9
    assert found >= times.sum() / len(asked) - 1e-9

"""What probabilities are worth on held-out customers; scikit-learn is the second opinion."""

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from model_registry.errors import CorruptRegistry
from model_registry.evaluation import (
    METRICS,
    calibration,
    evaluate,
    gain_curve,
    intervals,
    lift_quality,
    quality_of,
    roc_curve,
    tenths,
)
from model_registry.evaluation.metrics import RESAMPLES, differences
from model_registry.versions import CalibrationBin, HeldOut
from tests.training_sets import ASKED

PLAIN = ("auc", "log_loss", "brier")
"""Those that scikit-learn has too."""


def held_out(probabilities: ArrayLike, labels: ArrayLike, *, asked: str = ASKED) -> HeldOut:
    """Held-out customers of these probabilities, who did or did not buy."""
    return HeldOut(asked, np.array(labels, dtype=bool), np.array(probabilities, dtype=np.float64))


def a_crowd(customers: int = 400, *, seed: int = 1, noise: float = 0.0) -> HeldOut:
    """Customers who buy with their probabilities, told with some noise."""
    random = np.random.default_rng(seed)
    odds = random.normal(1.0, 1.5, customers)
    bought = random.random(customers) < 1.0 / (1.0 + np.exp(-odds))
    told = odds + random.normal(0.0, noise, customers)
    return held_out(1.0 / (1.0 + np.exp(-told)), bought)


crowds = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]), st.booleans()),
    min_size=2,
    max_size=40,
).filter(lambda cases: len({bought for _, bought in cases}) == 2)


class TestEvaluation:
    def test_of_four_by_hand(self) -> None:
        metrics = evaluate(held_out([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
        log_loss = -(np.log(0.9) + np.log(0.6) + np.log(0.35) + np.log(0.8)) / 4
        assert metrics == pytest.approx(
            {
                "auc": 0.75,  # three of the four pairs are in order
                "log_loss": log_loss,
                "brier": (0.01 + 0.16 + 0.4225 + 0.04) / 4,
                "ece": (0.1 + 0.65 + 0.4 + 0.2) / 4,  # each is a bin of its own
                "lift_quality": 50.0,
                "base_rate": 0.5,
                "base_rate_log_loss": np.log(2.0),
                "held_out_customers": 4.0,
            }
        )

    @given(crowds)
    def test_the_metrics_are_those_of_scikit_learn(self, cases: list[tuple[float, bool]]) -> None:
        probabilities, labels = zip(*cases, strict=True)
        metrics = evaluate(held_out(probabilities, labels))
        base_rate = [metrics["base_rate"]] * len(cases)
        assert metrics == pytest.approx(
            {
                "auc": roc_auc_score(labels, probabilities),
                "log_loss": log_loss(labels, probabilities),
                "brier": brier_score_loss(labels, probabilities),
                "ece": metrics["ece"],
                "lift_quality": max(0.0, 200 * roc_auc_score(labels, probabilities) - 100),
                "base_rate": np.mean(labels),
                "base_rate_log_loss": log_loss(labels, base_rate),
                "held_out_customers": len(cases),
            },
            abs=1e-12,
        )

    @given(crowds)
    def test_auc_is_the_share_of_pairs_in_order_ties_counting_half(
        self, cases: list[tuple[float, bool]]
    ) -> None:
        probabilities, labels = np.array([p for p, _ in cases]), np.array([b for _, b in cases])
        gaps = probabilities[labels][:, np.newaxis] - probabilities[~labels]
        assert evaluate(held_out(probabilities, labels))["auc"] == pytest.approx(
            ((np.sign(gaps) + 1) / 2).mean()
        )

    def test_the_base_rate_is_the_best_that_a_constant_can_do(self) -> None:
        labels = [True, False, False, False]
        best = evaluate(held_out([0.25] * 4, labels))
        assert best["log_loss"] == pytest.approx(best["base_rate_log_loss"])
        assert evaluate(held_out([0.3] * 4, labels))["log_loss"] > best["log_loss"]


class TestCalibrationError:
    def test_who_comes_true_in_every_bin_has_none(self) -> None:
        told = np.repeat([0.1, 0.5, 0.9], 100)
        bought = np.concatenate([np.arange(100) < share for share in (10, 50, 90)])
        assert evaluate(held_out(told, bought))["ece"] == pytest.approx(0.0)

    def test_who_is_always_a_tenth_too_high_has_a_tenth(self) -> None:
        told = np.repeat([0.2, 0.6, 1.0], 100)
        bought = np.concatenate([np.arange(100) < share for share in (10, 50, 90)])
        assert evaluate(held_out(told, bought))["ece"] == pytest.approx(0.1)


class TestQuality:
    @pytest.mark.parametrize(
        ("auc", "word"),
        [(0.5, "Poor"), (0.59, "Poor"), (0.61, "Fair"), (0.71, "Good"), (0.81, "Excellent")],
    )
    def test_its_word_follows_the_order(self, auc: float, word: str) -> None:
        found = {"lift_quality": lift_quality(auc), "log_loss": 0.5, "base_rate_log_loss": 0.6}
        assert quality_of(found) == word

    def test_a_guess_is_poor(self) -> None:
        random = np.random.default_rng(1)
        guessed = held_out(random.random(5_000), random.random(5_000) < 0.3)
        assert quality_of(evaluate(guessed)) == "Poor"

    def test_who_orders_well_but_says_less_than_the_base_rate_is_poor(self) -> None:
        labels = np.arange(1_000) % 10 == 0
        told = np.where(labels, 1.0, 0.999999)
        found = evaluate(held_out(told, labels))
        assert found["auc"] == 1.0
        assert quality_of(found) == "Poor"


class TestCategories:
    def test_the_order_within_them_is_told_apart_from_that_between_them(self) -> None:
        """Two categories, one bought in by most: between them a guess looks good."""
        random = np.random.default_rng(1)
        category = np.repeat([0, 1], 2_000)
        labels = random.random(4_000) < np.where(category == 0, 0.1, 0.9)
        told = np.where(category == 0, 0.1, 0.9)
        rows = HeldOut(ASKED, labels, told, customer=np.arange(4_000) % 2_000, category=category)
        found = evaluate(rows)
        assert found["auc"] > 0.85
        assert found["auc_within_categories"] == 0.5
        assert quality_of(found) == "Poor"

    def test_rows_of_a_customer_are_drawn_together(self) -> None:
        crowd = a_crowd(300)
        four = HeldOut(
            ASKED,
            np.repeat(crowd.labels, 4),
            np.repeat(crowd.probabilities, 4),
            customer=np.repeat(np.arange(300), 4),
        )
        alone = HeldOut(ASKED, four.labels, four.probabilities)
        for metric in PLAIN:
            together, apart = (
                high - low for low, high in (intervals(four)[metric], intervals(alone)[metric])
            )
            assert together == pytest.approx(2 * apart, rel=0.25)


class TestTenths:
    def test_they_reach_every_buyer_the_likeliest_first(self) -> None:
        found = tenths(a_crowd(1_000))
        assert [each.rows for each in found] == [100] * 10
        gains = [each.gain for each in found]
        assert gains == sorted(gains)
        assert gains[-1] == 1.0
        assert found[0].lift > 1.0 > found[-1].lift


class TestIntervals:
    def test_they_hold_the_metric_and_are_the_same_every_time(self) -> None:
        crowd = a_crowd()
        found, metrics = intervals(crowd), evaluate(crowd)
        assert list(found) == list(METRICS)
        assert all(low < metrics[metric] < high for metric, (low, high) in found.items())
        assert found == intervals(crowd)

    def test_four_times_the_customers_halve_them(self) -> None:
        few, many = intervals(a_crowd(500)), intervals(a_crowd(2_000))
        for metric in PLAIN:
            widths = [high - low for low, high in (few[metric], many[metric])]
            assert widths[0] / widths[1] == pytest.approx(2.0, rel=0.25)

    def test_that_of_a_mean_is_as_wide_as_theory_says(self) -> None:
        crowd = a_crowd(1_000)
        losses = (crowd.probabilities - crowd.labels) ** 2
        low, high = intervals(crowd)["brier"]
        expected = 2 * 1.96 * losses.std() / np.sqrt(len(crowd))
        assert high - low == pytest.approx(expected, rel=0.1)

    def test_a_single_buyer_is_in_every_draw(self) -> None:
        lonely = held_out([0.9, *[0.1] * 10], [True, *[False] * 10])
        assert intervals(lonely)["auc"] == (1.0, 1.0)

    @pytest.mark.full
    def test_a_draw_judges_as_scikit_learn_judges_its_customers(self) -> None:
        crowd, random = a_crowd(50), np.random.default_rng(20_260_301)
        judged: list[list[float]] = []
        for _ in range(RESAMPLES):
            drawn = random.integers(50, size=50)
            labels, told = crowd.labels[drawn], crowd.probabilities[drawn]
            judged.append(
                [
                    roc_auc_score(labels, told),
                    log_loss(labels, told),
                    brier_score_loss(labels, told),
                ]
            )
        lows, highs = np.quantile(np.array(judged), (0.025, 0.975), axis=0)
        found = intervals(crowd)
        assert [found[metric][0] for metric in PLAIN] == pytest.approx(lows)
        assert [found[metric][1] for metric in PLAIN] == pytest.approx(highs)


class TestDifferences:
    def test_a_version_does_not_differ_from_itself(self) -> None:
        assert set(differences(a_crowd(), a_crowd()).values()) == {(0.0, 0.0)}

    def test_what_was_told_with_noise_is_certainly_worse(self) -> None:
        clear, noisy = a_crowd(2_000), a_crowd(2_000, noise=1.0)
        found = differences(clear, noisy)
        assert found["auc"][1] < 0.0
        assert found["log_loss"][0] > 0.0
        assert found["brier"][0] > 0.0

    def test_the_same_customers_tell_two_versions_apart_that_intervals_cannot(self) -> None:
        one, other = a_crowd(2_000), a_crowd(2_000, noise=0.5)
        apart = [intervals(version)["log_loss"] for version in (one, other)]
        assert apart[0][1] > apart[1][0]
        assert differences(one, other)["log_loss"][0] > 0.0

    @pytest.mark.parametrize(
        "other",
        [
            held_out([0.1, 0.9], [0, 1], asked="0" * 64),
            held_out([0.1, 0.9], [1, 0]),
            held_out([0.1, 0.9, 0.5], [0, 1, 1]),
        ],
        ids=["other question", "other answers", "more customers"],
    )
    def test_other_customers_are_no_pair(self, other: HeldOut) -> None:
        one = held_out([0.1, 0.9], [0, 1])
        assert differences(one, held_out([0.9, 0.1], [0, 1]))
        with pytest.raises(ValueError):
            differences(one, other)


class TestHeldOut:
    @given(crowds)
    def test_it_reads_back_to_the_last_bit(self, cases: list[tuple[float, bool]]) -> None:
        probabilities, labels = zip(*cases, strict=True)
        stored = held_out(probabilities, labels)
        again = HeldOut.decode("held_out", stored.encode())
        assert again.asked == stored.asked
        assert again.labels.tobytes() == stored.labels.tobytes()
        assert again.probabilities.tobytes() == stored.probabilities.tobytes()

    @pytest.mark.parametrize(
        ("probabilities", "labels", "fact"),
        [
            ([0.1, 0.2], [True, True], ""),
            ([0.1, 0.2], [False, False], ""),
            ([], [], ""),
            ([0.1], [True, False], "(2,)"),
            ([0.1, 1.2], [True, False], "[0, 1]"),
            ([0.1, np.nan], [True, False], "[0, 1]"),
        ],
    )
    def test_what_cannot_be_judged_is_refused(
        self, probabilities: Sequence[float], labels: Sequence[bool], fact: str
    ) -> None:
        assert len(held_out([0.1, 0.2], [True, False])) == 2
        with pytest.raises(ValueError) as caught:
            held_out(probabilities, labels)
        assert fact in str(caught.value)

    @pytest.mark.parametrize(
        "content",
        [
            b"{}",
            b'{"asked":"%s","labels":[1,0],"probabilities":[0.5,0.5],"x":1}',
            b'{"asked":"%s","labels":[1,1],"probabilities":[0.5,0.5]}',
            b'{"asked":"%s","labels":[[1],0],"probabilities":[0.5,0.5]}',
            b'{"asked":"%s","labels":[1,2],"probabilities":[0.5,0.5]}',
            b'{"asked":"%s","labels":[1,"a"],"probabilities":[0.5,0.5]}',
            b'{"asked":"%s","labels":[1,0],"probabilities":[0.5,{}]}',
            b'{"asked":"%s","labels":[1,0],"probabilities":[0.5,null]}',
            b'{"asked":"%s","labels":[1,0],"probabilities":[0.5,1]}',
        ],
    )
    def test_what_was_changed_is_refused(self, content: bytes) -> None:
        with pytest.raises(CorruptRegistry) as caught:
            HeldOut.decode("held_out", content.replace(b"%s", ASKED.encode()))
        assert caught.value.key == "held_out"


class TestCalibration:
    def test_of_twenty_customers_by_hand(self) -> None:
        probabilities = np.arange(20)[::-1] / 20
        table = calibration(held_out(probabilities, probabilities >= 0.5))
        assert [bin_.count for bin_ in table] == [2] * 10
        assert [bin_.mean_probability for bin_ in table] == pytest.approx(
            [0.025 + 0.1 * step for step in range(10)]
        )
        assert [bin_.observed_rate for bin_ in table] == [0.0] * 5 + [1.0] * 5

    def test_customers_of_one_probability_share_a_bin(self) -> None:
        probabilities = np.array([0.3] * 35 + [0.4 + step / 200 for step in range(65)])
        table = calibration(held_out(probabilities, np.arange(100) % 5 == 0))
        assert astuple(table[0]) == pytest.approx((35, 0.3, 0.2))
        assert [bin_.count for bin_ in table[1:]] == [5] + [10] * 6

    def test_a_constant_has_one_bin(self) -> None:
        assert calibration(held_out(np.full(8, 0.5), np.arange(8) < 2)) == (
            CalibrationBin(8, 0.5, 0.25),
        )

    @given(
        probabilities=st.lists(
            st.integers(0, 20).map(lambda step: step / 20), min_size=2, max_size=60
        )
    )
    def test_the_bins_are_an_ascending_partition_that_keeps_ties_together(
        self, probabilities: list[float]
    ) -> None:
        table = calibration(held_out(probabilities, np.arange(len(probabilities)) == 0))
        counts = [bin_.count for bin_ in table]
        means = [bin_.mean_probability for bin_ in table]
        ranked, edges = sorted(probabilities), np.cumsum(counts)
        assert 1 <= len(table) <= 10
        assert edges[-1] == len(ranked)
        assert all(ranked[edge - 1] < ranked[edge] for edge in edges[:-1])
        assert means == sorted(set(means))


def area(points: Sequence[tuple[float, float]]) -> float:
    return float(np.trapezoid([y for _, y in points], [x for x, _ in points]))


@given(crowds)
def test_the_area_below_the_roc_is_the_auc(cases: list[tuple[float, bool]]) -> None:
    crowd = held_out(*zip(*cases, strict=True))
    points = roc_curve(crowd)
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    assert area(points) == pytest.approx(evaluate(crowd)["auc"])


@given(crowds)
def test_gains_lie_above_the_diagonal_as_far_as_the_auc_says(
    cases: list[tuple[float, bool]],
) -> None:
    crowd = held_out(*zip(*cases, strict=True))
    base_rate = float(crowd.labels.mean())
    quality = 2 * evaluate(crowd)["auc"] - 1
    above = (2 * area(gain_curve(crowd)) - 1) / (1 - base_rate)
    assert above == pytest.approx(quality, abs=1e-9)


def test_a_curve_of_many_has_few_points() -> None:
    crowd = a_crowd(5_000)
    points = roc_curve(crowd, most=100)
    assert len(points) <= 101
    assert area(points) == pytest.approx(evaluate(crowd)["auc"], abs=1e-3)

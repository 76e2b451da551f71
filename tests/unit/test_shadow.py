"""Shadows: compared exactly with what was answered, and never in its way."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.features import FeatureSet, Histories
from domain.prediction import Observation, ServedModel, Traffic
from domain.purchases import Purchase
from model_registry.serving import Shadowed, ShadowReport, ShadowScoring, merged
from model_registry.serving.shadow import BATCH, MOST_BATCHES
from tests.builders import NOW, USD, a_feature, a_policy, a_purchase, a_served_model
from tests.fakes import SaturatingScorer
from tests.profiles import examples
from tests.strategies import histories, instants


class Broken(SaturatingScorer):
    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        raise RuntimeError(f"no score for {len(matrix)} rows")


class Wild(SaturatingScorer):
    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return super().score(matrix) + 2.0


class Halved(SaturatingScorer):
    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return super().score(matrix) / 2.0


QUARTER = FeatureSet((a_feature(days=90), a_feature(days=7)), USD)


class Summing(SaturatingScorer):
    """Looks at every column, so that a wrong feature cannot hide."""

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return super().score(matrix.sum(axis=1, keepdims=True))


def a_shadow(scorer: SaturatingScorer, version: int = 2) -> ServedModel:
    return a_served_model(scorer, version=version, features=QUARTER)


def observed(
    traffic: Traffic, purchases: Sequence[Purchase], as_of: int = NOW, customer: str = "c"
) -> Observation:
    """What a prediction hands on."""
    model = traffic.model_for(customer)
    matrix = model.features.matrix(Histories.of([purchases]), as_of)
    probability = float(model.scorer.score(matrix)[0])
    show = a_policy().decide(probability).show
    return Observation(traffic, model, None, purchases, as_of, probability, show)


def shadowing(
    hand_off: Callable[[Callable[[], None]], object] = lambda run: run(),
) -> ShadowScoring:
    return ShadowScoring(a_policy(), hand_off=hand_off)


def reports_of(observations: Sequence[Observation]) -> Sequence[ShadowReport]:
    scoring = shadowing()
    for observation in observations:
        scoring.observe(observation)
    scoring.flush()
    return scoring.reports()


@given(st.lists(st.tuples(histories(), instants), min_size=1, max_size=90))
@settings(max_examples=examples(50))
def test_a_report_is_what_scoring_each_answer_alone_amounts_to(
    asked: list[tuple[list[Purchase], int]],
) -> None:
    traffic = Traffic(champion=a_served_model(SaturatingScorer()), shadows=(a_shadow(Summing()),))
    seen = [observed(traffic, purchases, as_of) for purchases, as_of in asked]
    (report,) = reports_of(seen)
    alone = np.array(
        [Summing().score(QUARTER.matrix(Histories.of([o.purchases]), o.as_of))[0] for o in seen]
    )
    difference = alone - np.array([o.probability for o in seen])
    assert (report.shadow, report.answered_by, report.failed) == (2, 1, 0)
    assert report.count == report.compared == sum(report.histogram) == len(seen)
    assert report.difference_sum == pytest.approx(difference.sum())
    assert report.absolute_sum == pytest.approx(np.abs(difference).sum())
    assert list(report.histogram) == np.histogram(difference, np.linspace(-1, 1, 41))[0].tolist()
    changed = [a_policy().decide(p).show != o.show for p, o in zip(alone, seen, strict=True)]
    assert report.changed == sum(changed)


def bought(traffic: Traffic, amounts: Sequence[int]) -> list[Observation]:
    return [observed(traffic, [a_purchase(amount_minor=amount)]) for amount in amounts]


def test_ranks_agree_however_the_scores_differ() -> None:
    champion = a_served_model(SaturatingScorer())
    same = Traffic(champion=champion, shadows=(a_shadow(Halved()),))
    (report,) = reports_of(bought(same, range(100, 1_000, 10)))
    assert report.rank_agreement == pytest.approx(1.0)
    assert report.difference_sum < 0
    (tied,) = reports_of(bought(same, [500] * 10))
    assert tied.rank_agreement is None


def test_a_shadow_that_fails_is_counted_and_hides_no_other() -> None:
    shadows = (a_shadow(Broken(), 2), a_shadow(Wild(), 3), a_shadow(Halved(), 4))
    traffic = Traffic(champion=a_served_model(SaturatingScorer()), shadows=shadows)
    broken, wild, sound = reports_of(bought(traffic, range(100, 100 + BATCH + 5)))
    assert (broken.count, broken.failed, broken.compared) == (BATCH + 5, BATCH + 5, 0)
    assert broken.problem == "RuntimeError: no score for 5 rows"
    assert wild.failed == BATCH + 5
    assert (sound.failed, sound.problem, sound.compared) == (0, "", BATCH + 5)


def test_what_became_of_each_answer_is_told() -> None:
    told: Counter[tuple[int, Shadowed]] = Counter()
    shadows = (a_shadow(Broken(), 2), a_shadow(Summing(), 3))
    traffic = Traffic(champion=a_served_model(SaturatingScorer()), shadows=shadows)
    late: list[Callable[[], None]] = []

    def tell(version: int, outcome: Shadowed, count: int) -> None:
        told[version, outcome] += count

    scoring = ShadowScoring(a_policy(), hand_off=late.append, tell=tell)
    waiting = MOST_BATCHES * BATCH
    for observation in bought(traffic, range(100, 100 + waiting + BATCH)):
        scoring.observe(observation)
    for score in late:
        score()
    changed = {report.shadow: report.changed for report in scoring.reports()}
    assert +told == {
        (2, Shadowed.FAILED): waiting,
        (2, Shadowed.DROPPED): BATCH,
        (3, Shadowed.AGREED): waiting - changed[3],
        (3, Shadowed.DROPPED): BATCH,
    } | ({(3, Shadowed.DISAGREED): changed[3]} if changed[3] else {})


def test_each_answering_version_is_compared_apart() -> None:
    traffic = Traffic(
        champion=a_served_model(SaturatingScorer()),
        challenger=a_served_model(Halved(), version=3),
        basis_points=5_000,
        shadows=(a_shadow(Halved()),),
    )
    customers = [f"customer-{number}" for number in range(100)]
    seen = [observed(traffic, [a_purchase()], customer=customer) for customer in customers]
    by_champion, by_challenger = reports_of(seen)
    assert (by_champion.answered_by, by_challenger.answered_by) == (1, 3)
    assert by_champion.count + by_challenger.count == 100
    assert by_challenger.absolute_sum == 0.0 < by_champion.absolute_sum


def test_what_serves_no_more_is_no_longer_reported() -> None:
    first = Traffic(champion=a_served_model(SaturatingScorer()), shadows=(a_shadow(Halved()),))
    second = replace(first, shadows=(a_shadow(Halved()), a_shadow(Halved(), 3)))
    third = replace(first, shadows=(a_shadow(Halved(), 3),))
    scoring, counts = shadowing(), []
    for traffic in (first, second, third):
        for observation in bought(traffic, [300] * 10):
            scoring.observe(observation)
        scoring.flush()
        counts.append([(report.shadow, report.count) for report in scoring.reports()])
    assert counts == [[(2, 10)], [(2, 20), (3, 10)], [(3, 20)]]


def test_too_many_waiting_answers_are_skipped_and_counted() -> None:
    traffic = Traffic(champion=a_served_model(SaturatingScorer()), shadows=(a_shadow(Halved()),))
    waiting: list[Callable[[], None]] = []
    scoring = shadowing(waiting.append)
    for observation in bought(traffic, [300] * BATCH * (MOST_BATCHES + 2)):
        scoring.observe(observation)
    assert len(waiting) == MOST_BATCHES
    for run in waiting:
        run()
    (report,) = scoring.reports()
    assert (report.count, report.skipped) == (BATCH * MOST_BATCHES, 2 * BATCH)
    waiting.clear()
    scoring.observe(bought(traffic, [300])[0])
    scoring.flush()
    assert len(waiting) == 1


def test_once_nobody_scores_any_more_answers_are_skipped_and_nothing_is_raised() -> None:
    def stopped(_: Callable[[], None]) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    traffic = Traffic(champion=a_served_model(SaturatingScorer()), shadows=(a_shadow(Halved()),))
    scoring = shadowing(stopped)
    for observation in bought(traffic, [300] * BATCH):
        scoring.observe(observation)
    (report,) = scoring.reports()
    assert (report.shadow, report.count, report.skipped) == (2, 0, BATCH)
    assert report.rank_agreement is None


def test_shadows_that_hang_are_reported_by_what_they_never_saw() -> None:
    traffic = Traffic(champion=a_served_model(SaturatingScorer()), shadows=(a_shadow(Halved()),))
    scoring = shadowing(lambda _: None)
    for observation in bought(traffic, [300] * BATCH * (MOST_BATCHES + 1)):
        scoring.observe(observation)
    (report,) = scoring.reports()
    assert (report.compared, report.skipped) == (0, BATCH)


def test_reports_of_several_processes_add_up() -> None:
    one = ShadowReport(shadow=2, answered_by=1, count=4, failed=1, changed=2, rank_agreement=0.5)
    two = ShadowReport(shadow=2, answered_by=1, count=1, skipped=7, rank_agreement=0.9)
    other = ShadowReport(shadow=2, answered_by=3, count=1)
    silent = ShadowReport(shadow=2, answered_by=1)
    first, second = merged([one, other, two, silent])
    assert (first.count, first.failed, first.skipped, first.changed) == (5, 1, 7, 2)
    assert first.rank_agreement == pytest.approx((3 * 0.5 + 1 * 0.9) / 4)
    assert second == other

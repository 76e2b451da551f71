"""Which features and which penalty are chosen, and when probabilities are pulled straight."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adapters.scorers.onnx import OnnxScorer
from adapters.training import fitting, logged, select, selecting, train
from adapters.training.recalibrating import line_of
from domain.errors import TrainingRefused
from domain.features import Aggregation, Feature, FeatureSet, Shape, Transform
from domain.training import Examples, TrainingSet
from domain.values import Window
from tests.builders import USD, a_feature
from tests.training_sets import a_training_set, examples_of


def with_noise(examples: TrainingSet, *, seed: int = 5) -> TrainingSet:
    """The same customers, and features that say nothing of them."""
    random = np.random.default_rng(seed)
    shape = examples.training.matrix.shape
    noise = replace(examples.training, matrix=random.exponential(80.0, shape))
    return replace(examples, training=noise)


def test_the_features_that_tell_who_buys_are_chosen() -> None:
    good = a_training_set([0.02])
    chosen = select({"noise": with_noise(good), "good": good})
    assert (chosen.name, chosen.training_set) == ("good", good)
    assert {trial.name for trial in chosen.trials} == {"noise", "good"}
    best = min(chosen.trials, key=lambda trial: trial.log_loss)
    assert (best.name, best.c) == ("good", chosen.c)


def test_the_held_out_customers_take_no_part_in_the_choice() -> None:
    good = a_training_set([0.02])
    spoilt = replace(good, held_out=replace(good.held_out, labels=~good.held_out.labels))
    one, other = (select({"noise": with_noise(each), "good": each}) for each in (good, spoilt))
    assert one.trials == other.trials


def test_many_features_that_say_nothing_are_penalised() -> None:
    random = np.random.default_rng(3)
    matrix = random.normal(size=(200, 40))
    labels = random.random(200) < 0.3
    examples = examples_of(matrix, labels)
    features = FeatureSet(tuple(a_feature(days=days) for days in range(30, 70)), USD)
    many = replace(a_training_set(), features=features, training=examples)
    assert select({"many": many}).c == 0.01


def test_rows_of_a_customer_are_in_one_fold() -> None:
    """Rows that only repeat their customer's label tell nothing of other customers."""
    random = np.random.default_rng(4)
    customer = np.repeat(np.arange(300), 6)
    marks = random.normal(size=(300, 8))[customer]
    labels = (random.random(300) < 0.5)[customer]
    rows = Examples(marks, labels, customer, np.zeros_like(customer))
    features = FeatureSet(tuple(a_feature(days=days) for days in range(30, 38)), USD)
    chosen = select({"marks": replace(a_training_set(), features=features, training=rows)})
    assert min(trial.log_loss for trial in chosen.trials) > np.log(2.0) * 0.98


def test_too_few_buyers_for_every_part_are_refused() -> None:
    examples = a_training_set(rows=100)
    labels = np.zeros(100, dtype=np.bool_)
    labels[[0, 5]] = True  # of one part
    few = replace(examples, training=replace(examples.training, labels=labels))
    with pytest.raises(TrainingRefused, match="customers"):
        select({"few": few})


def test_what_is_transformed_or_may_be_negative_is_not_logged_again() -> None:
    plain = Feature(Aggregation.PURCHASE_COUNT, Window.days(30))
    rooted = replace(plain, window=Window.days(7), shape=Shape(None, Transform.SQRT))
    found = logged(FeatureSet((plain, rooted), USD))
    assert found.features == (replace(plain, shape=Shape(None, Transform.LOG1P)), rooted)
    assert logged(found) == found


def of_two_months(*, drift: float, seed: int = 1) -> TrainingSet:
    """Customers of two cut-offs; in the second one log-odds are so much lower."""
    random = np.random.default_rng(seed)
    odds = random.normal(0.0, 1.5, 6_000)
    late = np.arange(6_000) % 2 == 1
    bought = random.random(6_000) < 1.0 / (1.0 + np.exp(-(odds - drift * late)))
    rows = Examples(
        odds[:, None], bought, np.arange(6_000) // 2, np.where(late, 2, 1).astype(np.int64)
    )
    base = a_training_set([0.02])
    return replace(base, training=rows)


def test_probabilities_follow_the_newest_month_where_that_certainly_helps() -> None:
    line = line_of(of_two_months(drift=1.0).training, c=1.0)
    assert line is not None
    assert line.intercept == pytest.approx(-1.0, abs=0.2)
    assert line.slope == pytest.approx(1.0, abs=0.2)
    assert line.gain[0] > 0


def test_they_stay_as_they_are_where_nothing_changed() -> None:
    assert line_of(of_two_months(drift=0.0).training, c=1.0) is None
    one_month = of_two_months(drift=1.0).training
    assert line_of(one_month.rows(one_month.cut_off == 1), c=1.0) is None


def test_the_line_is_part_of_the_exported_graph_and_of_the_facts() -> None:
    drifted = of_two_months(drift=1.0)
    candidate = train(drifted, build_scorer=OnnxScorer.build)
    assert candidate.metrics["parity_max_abs_difference"] <= 1e-6
    facts = candidate.facts
    assert isinstance(facts["recalibration"], dict)
    (weight,) = facts["coefficients"].values()  # type: ignore[attr-defined]  # plain JSON
    scorer = OnnxScorer.build(candidate.scorer_options, candidate.blobs)
    (told,) = scorer.score(np.array([[0.5]])).tolist()
    intercept = facts["intercept"]
    assert isinstance(intercept, float)
    assert told == pytest.approx(1.0 / (1.0 + np.exp(-(intercept + weight * 0.5))))


def test_a_penalty_that_does_not_converge_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    really = fitting.fit

    def fit(examples: Examples, *, c: float) -> Any:
        if c == 10.0:
            raise TrainingRefused("training", "the library says: it did not converge")
        return really(examples, c=c)

    monkeypatch.setattr(selecting, "fit", fit)
    chosen = select({"good": a_training_set([0.02])})
    assert sorted(trial.c for trial in chosen.trials) == [0.01, 0.1, 1.0]
    monkeypatch.setattr(selecting, "PENALTIES", (10.0,))
    with pytest.raises(TrainingRefused, match="converge"):
        select({"good": a_training_set([0.02])})

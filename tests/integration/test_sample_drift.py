"""Drift on a year of real purchases: the features, the training and the versions as they are."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby

import numpy as np
import pytest

from adapters.feature_sets import built_in_sets
from adapters.scorers.onnx import OnnxScorer
from adapters.training import train
from domain.drift import Comparison, Reference, Sample, compare, tally_of
from domain.features import Histories
from domain.prediction import ServedModel
from domain.purchases import Purchase
from domain.training import training_set
from tests.builders import DAY, USD, a_served_model
from tests.integration.test_sample_training import purchases

pytestmark = pytest.mark.full
SETS = ("total_purchase_volume_30d", "rfm_90d", "lifetime")
Crowd = Sequence[Sequence[Purchase]]


@cache
def households() -> Crowd:
    return [list(each) for _, each in groupby(purchases(), key=lambda p: p.customer_id)]


def halves(seed: int) -> tuple[Crowd, Crowd]:
    everybody = households()
    order = np.random.default_rng(seed).permutation(len(everybody)).tolist()
    return [everybody[at] for at in order[::2]], [everybody[at] for at in order[1::2]]


@cache
def trained(name: str) -> tuple[ServedModel, int]:
    """A version trained on half of the households, and when its newest rows were."""
    examples = training_set(
        Histories.of(halves(0)[0]),
        features=built_in_sets()[name].in_currency(USD),
        horizon_us=30 * DAY,
        most_cut_offs=6,
    )
    candidate = train(examples, build_scorer=OnnxScorer.build)
    scorer = OnnxScorer.build(candidate.scorer_options, candidate.blobs)
    model = a_served_model(scorer, features=examples.features)
    return replace(model, reference=candidate.reference), examples.cut_offs.held_out


def seen(model: ServedModel, crowd: Crowd, at: int, like: Reference) -> Comparison:
    known = [[p for p in each if p.purchased_at <= at] for each in crowd]
    matrix, scores = model.scores(Histories.of(known), at)
    codes = like.codes(np.column_stack([matrix, scores]))
    found = compare(like.named_bins, like.sample, Sample.of([tally_of(codes)]))
    assert found is not None
    return found


def prices_doubled(crowd: Crowd, _: int) -> Crowd:
    return [[replace(p, amount_minor=2 * p.amount_minor) for p in each] for each in crowd]


def groceries_gone(crowd: Crowd, _: int) -> Crowd:
    return [[p for p in each if p.category != "grocery"] for each in crowd]


def half_new(crowd: Crowd, at: int) -> Crowd:
    return [
        [p for p in each if p.purchased_at > at - 14 * DAY] if n % 2 else each
        for n, each in enumerate(crowd)
    ]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("shifted", [prices_doubled, groceries_gone, half_new])
def test_a_shift_of_the_other_half_raises_drift(
    name: str, shifted: Callable[[Crowd, int], Crowd]
) -> None:
    model, at = trained(name)
    assert model.reference is not None
    assert not seen(model, halves(0)[1], at, model.reference).drifted
    assert seen(model, shifted(halves(0)[1], at), at, model.reference).drifted


@pytest.mark.parametrize("name", SETS)
def test_of_a_hundred_draws_of_two_halves_at_most_five_raise_drift(name: str) -> None:
    model, at = trained(name)
    known = Histories.of([[p for p in each if p.purchased_at <= at] for each in households()])
    matrix, scores = model.scores(known, at)
    alarms = 0
    for seed in range(100):
        order = np.random.default_rng(seed).permutation(len(matrix))
        then, now = order[::2], order[1::2]
        like = Reference.of(model.features, matrix[then], scores[then], then)
        codes = like.codes(np.column_stack([matrix[now], scores[now]]))
        found = compare(like.named_bins, like.sample, Sample.of([tally_of(codes)]))
        assert found is not None
        alarms += bool(found.drifted)
    assert alarms <= 5

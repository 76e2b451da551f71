"""Two versions side by side: what can be said of them, and when nothing can."""

import re
from dataclasses import replace

import numpy as np
import pytest

from model_registry.errors import CorruptRegistry, GateFailed
from model_registry.evaluation import METRICS, Comparison, compare, evaluate
from model_registry.storage import blob_key
from model_registry.versions import Candidate, HeldOut
from tests.registries import NAME, FragileStore, a_candidate, a_registry
from tests.training_sets import ASKED

LABELS = np.arange(200) % 3 == 0
CHANCES = np.random.default_rng(5).random(200)
GOOD = HeldOut(ASKED, LABELS, np.where(LABELS, 0.5, 0.1) + 0.4 * CHANCES)
POOR = HeldOut(ASKED, LABELS, 0.2 + 0.2 * CHANCES)
ELSEWHERE = replace(GOOD, asked="0" * 64)


def judged(held_out: HeldOut | None) -> Candidate:
    return replace(a_candidate(), held_out=held_out)


def compared(a: HeldOut | None, b: HeldOut | None) -> Comparison:
    registry = a_registry()
    one = registry.register(NAME, judged(a), actor="tests")
    other = registry.register(NAME, judged(b), actor="tests")
    return compare(one, other, registry.blob)


ORDER = [metric for metric in METRICS if metric != "ece"]
"""Noise makes every figure worse but calibration, which is another matter."""


def test_the_better_version_is_named_by_every_metric_whichever_comes_first() -> None:
    assert [compared(POOR, GOOD).better(metric) for metric in ORDER] == ["B"] * 3
    assert [compared(GOOD, POOR).better(metric) for metric in ORDER] == ["A"] * 3


def test_a_difference_is_that_of_the_metrics_and_lies_in_its_interval() -> None:
    comparison = compared(POOR, GOOD)
    assert comparison.incomparable is None
    assert comparison.customers == 200
    for metric, difference in comparison.differences.items():
        assert difference.value == evaluate(GOOD)[metric] - evaluate(POOR)[metric]
        assert difference.interval[0] < difference.value < difference.interval[1]


def test_two_versions_that_tell_the_same_have_no_better_one() -> None:
    comparison = compared(GOOD, GOOD)
    assert [comparison.better(metric) for metric in METRICS] == [None] * 4
    assert {difference.value for difference in comparison.differences.values()} == {0.0}


def test_versions_judged_on_other_customers_are_not_compared() -> None:
    comparison = compared(GOOD, ELSEWHERE)
    assert comparison.incomparable
    assert (comparison.customers, comparison.differences) == (0, {})


@pytest.mark.parametrize(
    ("a", "b", "without"), [(None, GOOD, ["1"]), (GOOD, None, ["2"]), (None, None, ["1", "2"])]
)
def test_a_version_without_held_out_customers_is_named(
    a: HeldOut | None, b: HeldOut | None, without: list[str]
) -> None:
    comparison = compared(a, b)
    assert comparison.incomparable is not None
    assert re.findall(r"\d+", comparison.incomparable) == without
    assert not comparison.differences


def test_the_features_of_both_are_listed_once() -> None:
    comparison = compared(GOOD, GOOD)
    assert comparison.features == ("total_purchase_volume_30d",)


def test_changed_evidence_is_no_evidence() -> None:
    store = FragileStore()
    registry = a_registry(store)
    version = registry.register(NAME, judged(GOOD), actor="tests")
    key = blob_key(version.blobs["held_out"].sha256)
    store.overwrite(key, store.get(key).replace(b"0.5", b"0.6", 1))
    with pytest.raises(GateFailed, match=key) as caught:
        compare(version, version, registry.blob)
    assert caught.value.gate == "integrity"


def test_a_blob_that_was_never_evidence_is_refused_by_its_key() -> None:
    registry = a_registry()
    version = registry.register(NAME, judged(GOOD), actor="tests")
    swapped = replace(version, blobs={**version.blobs, "held_out": version.blobs["golden"]})
    with pytest.raises(CorruptRegistry) as caught:
        compare(swapped, swapped, registry.blob)
    assert caught.value.key == blob_key(version.blobs["golden"].sha256)

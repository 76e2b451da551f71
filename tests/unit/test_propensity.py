import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decisions import Reason
from tests.builders import a_policy, missing


@pytest.mark.parametrize(
    ("probability", "show", "reason"),
    [
        (0.0, False, Reason.BELOW_RANGE),
        (math.nextafter(0.2, 0), False, Reason.BELOW_RANGE),
        (0.2, True, Reason.IN_RANGE),
        (math.nextafter(0.2, 1), True, Reason.IN_RANGE),
        (math.nextafter(0.8, 0), True, Reason.IN_RANGE),
        (0.8, True, Reason.IN_RANGE),
        (math.nextafter(0.8, 1), False, Reason.ABOVE_RANGE),
        (1.0, False, Reason.ABOVE_RANGE),
    ],
)
def test_a_policy_acts_within_its_range_edges_included(
    probability: float, show: bool, reason: Reason
) -> None:
    decision = a_policy(min_probability=0.2, max_probability=0.8).decide(probability)
    assert (decision.show, decision.reason) == (show, reason)


def test_a_decision_names_the_policy_and_its_range() -> None:
    decision = a_policy(min_probability=0.2, max_probability=0.8).decide(0.5)
    assert (decision.policy, decision.min_probability, decision.max_probability) == (
        "banner",
        0.2,
        0.8,
    )


@given(st.floats(0, 1))
def test_the_widest_policy_always_acts(probability: float) -> None:
    assert a_policy(min_probability=0.0, max_probability=1.0).decide(probability).show


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_policy_of_one_point_acts_there_only(point: float, probability: float) -> None:
    policy = a_policy(min_probability=point, max_probability=point)
    assert policy.decide(probability).show == (probability == point)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.8, 0.2), (-0.1, 0.5), (0.5, 1.1), (math.nan, 0.5), (0.5, math.nan), (0.5, math.inf)],
)
def test_a_range_that_is_empty_or_no_probability_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError) as caught:
        a_policy(min_probability=low, max_probability=high)
    assert not missing(caught.value, "banner", low, high)


@pytest.mark.parametrize(
    "score", [math.nan, math.inf, -math.inf, math.nextafter(0, -1), math.nextafter(1, 2), -0.1, 1.1]
)
def test_a_policy_does_not_decide_about_what_is_no_probability(score: float) -> None:
    with pytest.raises(ValueError) as caught:
        a_policy(min_probability=0.0, max_probability=1.0).decide(score)
    assert not missing(caught.value, score)


@given(st.lists(st.floats(0.0, 1.0)), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_many_are_decided_as_each_is(scores: list[float], one: float, other: float) -> None:
    policy = a_policy(min_probability=min(one, other), max_probability=max(one, other))
    many = policy.shows(np.array([*scores, one, other]))
    assert many.tolist() == [policy.decide(score).show for score in [*scores, one, other]]

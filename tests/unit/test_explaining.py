"""Why a prediction is what it is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.prediction import LinearFacts

numbers = st.floats(-100, 100)


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.tuples(numbers, numbers, numbers)),
    st.floats(-5, 5),
    st.floats(0.01, 0.99),
)
def test_the_parts_add_up_to_the_log_odds(
    features: dict[str, tuple[float, float, float]], intercept: float, base_rate: float
) -> None:
    facts = LinearFacts(
        coefficients={name: weight for name, (weight, _, _) in features.items()},
        averages={name: average for name, (_, average, _) in features.items()},
        intercept=intercept,
        base_rate=base_rate,
    )
    values = {name: value for name, (_, _, value) in features.items()}
    told = facts.explain(values)
    due = intercept + sum(weight * value for weight, _, value in features.values())
    assert told.log_odds == pytest.approx(due, abs=1e-7)
    assert told.base_log_odds == pytest.approx(math.log(base_rate / (1 - base_rate)))
    parts = [abs(each.log_odds) for each in told.contributions]
    assert parts == sorted(parts, reverse=True)


def test_who_is_average_in_everything_has_no_contributions() -> None:
    facts = LinearFacts(coefficients={"a": 2.0}, averages={"a": 3.0}, intercept=-6.0, base_rate=0.5)
    told = facts.explain({"a": 3.0})
    assert [each.log_odds for each in told.contributions] == [0.0]
    assert told.log_odds == 0.0


def test_facts_of_other_features_explain_nothing() -> None:
    facts = LinearFacts(coefficients={"a": 2.0}, averages={"a": 3.0}, intercept=0, base_rate=0.5)
    with pytest.raises(InvalidRequest, match="explain"):
        facts.explain({"b": 1.0})


@pytest.mark.parametrize("base_rate", [0.0, 1.0, -1.0, math.nan])
def test_a_base_rate_is_a_share(base_rate: float) -> None:
    with pytest.raises(ValueError, match="base rate"):
        LinearFacts(coefficients={}, averages={}, intercept=0.0, base_rate=base_rate)


def test_averages_are_of_the_same_features() -> None:
    with pytest.raises(ValueError, match="different"):
        LinearFacts(coefficients={"a": 1.0}, averages={}, intercept=0.0, base_rate=0.5)

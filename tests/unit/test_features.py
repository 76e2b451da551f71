import json
import math
from dataclasses import replace

import numpy as np
import pytest

from adapters.feature_sets import built_in_sets
from domain.features import Aggregation, Feature, FeatureSet, Histories, total_purchase_volume_30d
from domain.features.feature_set import SEMANTICS
from domain.values import Reach, Window
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import (
    DAY,
    JPY,
    NOW,
    OF_PURCHASES,
    USD,
    a_feature,
    a_history,
    a_purchase,
    value_of,
)

PURCHASES = [
    a_purchase(purchase_id="a", purchased_at=NOW - 40 * DAY, amount_minor=99_999),
    a_purchase(purchase_id="b", purchased_at=NOW - 20 * DAY, amount_minor=1_000),
    a_purchase(purchase_id="c", purchased_at=NOW - 3 * DAY, amount_minor=500, category="books"),
    a_purchase(purchase_id="d", purchased_at=NOW - 36 * MICROS_PER_HOUR, amount_minor=1),
]


@pytest.mark.parametrize(
    ("aggregation", "in_30_days", "of_books", "of_nothing"),
    [
        (Aggregation.TOTAL_PURCHASE_VOLUME, 15.01, 5.0, 0.0),
        (Aggregation.PURCHASE_COUNT, 3.0, 1.0, 0.0),
        (Aggregation.MEAN_PURCHASE_AMOUNT, 1501 / 300, 5.0, 0.0),
        (Aggregation.MAX_PURCHASE_AMOUNT, 10.0, 5.0, 0.0),
        (Aggregation.DISTINCT_CATEGORIES, 2.0, 1.0, 0.0),
        (Aggregation.ACTIVE_DAYS, 3.0, 1.0, 0.0),
        (Aggregation.MEAN_GAP, 9.25, 30.0, 30.0),
        (Aggregation.DAYS_SINCE_LAST_PURCHASE, 1.5, 3.0, 30.0),
        (Aggregation.DAYS_SINCE_FIRST_PURCHASE, 20.0, 3.0, 30.0),
    ],
)
def test_an_aggregation_means_what_its_name_says(
    aggregation: Aggregation, in_30_days: float, of_books: float, of_nothing: float
) -> None:
    assert value_of(a_feature(aggregation), PURCHASES) == in_30_days
    assert value_of(a_feature(aggregation, category="books"), PURCHASES) == of_books
    assert value_of(a_feature(aggregation, category="toys"), PURCHASES) == of_nothing
    assert value_of(a_feature(aggregation), []) == of_nothing


def test_every_aggregation_has_a_meaning_under_test() -> None:
    cases = test_an_aggregation_means_what_its_name_says.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {case[0] for case in cases} == set(OF_PURCHASES)


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        (NOW - 30 * DAY - 1, False),
        (NOW - 30 * DAY, False),
        (NOW - 30 * DAY + 1, True),
        (NOW - 1, True),
        (NOW, True),
        (NOW + 1, False),
    ],
)
@pytest.mark.parametrize(
    "aggregation", [each for each in OF_PURCHASES if each is not Aggregation.MEAN_GAP]
)
def test_a_window_is_open_on_the_left_and_closed_on_the_right(
    aggregation: Aggregation, at: int, inside: bool
) -> None:
    feature = a_feature(aggregation)
    counts = value_of(a_feature(Aggregation.PURCHASE_COUNT), a_history(at))
    assert counts == float(inside)
    changed = value_of(feature, a_history(at)) != value_of(feature, [])
    assert changed == inside


def test_the_last_purchase_may_be_one_microsecond_old() -> None:
    recency = a_feature(Aggregation.DAYS_SINCE_LAST_PURCHASE)
    assert value_of(recency, a_history(NOW)) == 0.0
    assert value_of(recency, a_history(NOW - 1)) == 1 / DAY
    assert value_of(recency, a_history(NOW - 30 * DAY + 1)) == (30 * DAY - 1) / DAY


def test_money_is_in_major_units_of_the_sets_currency() -> None:
    assert value_of(a_feature(), [a_purchase(amount_minor=1250)], currency=USD) == 12.5
    assert value_of(a_feature(), [a_purchase(amount_minor=1250)], currency=JPY) == 1250.0


def test_a_thousand_cents_times_a_tenth_is_no_sum_of_rounded_floats() -> None:
    dimes = [a_purchase(purchase_id=str(number), amount_minor=10) for number in range(1_001)]
    assert value_of(a_feature(), dimes) == 100.1


def test_a_zero_amount_is_a_purchase_all_the_same() -> None:
    free = [a_purchase(amount_minor=0)]
    assert value_of(a_feature(Aggregation.PURCHASE_COUNT), free) == 1.0
    assert value_of(a_feature(Aggregation.DAYS_SINCE_LAST_PURCHASE), free) == 1.0


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        (a_feature(), "total_purchase_volume_30d"),
        (
            a_feature(Aggregation.PURCHASE_COUNT, days=7, category="jewellery"),
            "purchase_count_7d[jewellery]",
        ),
        (
            Feature(Aggregation.MAX_PURCHASE_AMOUNT, Window(36 * MICROS_PER_HOUR)),
            "max_purchase_amount_36h",
        ),
    ],
)
def test_a_feature_is_named_by_what_it_computes(feature: Feature, name: str) -> None:
    assert feature.name == name


def test_the_columns_stand_in_the_order_of_the_features() -> None:
    count, volume = a_feature(Aggregation.PURCHASE_COUNT), a_feature()
    features = FeatureSet((count, volume), USD)
    assert features.names == ("purchase_count_30d", "total_purchase_volume_30d")
    assert features.matrix(Histories.of([[a_purchase()]]), NOW).tolist() == [[1.0, 12.5]]


@pytest.mark.parametrize("customers", [0, 1, 3])
def test_customers_without_purchases_have_rows_like_any_other(customers: int) -> None:
    features = FeatureSet(
        tuple(
            a_feature(aggregation, category=category)
            for aggregation in OF_PURCHASES
            for category in (None, "books")
        ),
        USD,
    )
    matrix = features.matrix(Histories.of([[]] * customers), NOW)
    assert (matrix.shape, matrix.dtype) == ((customers, 18), np.dtype(np.float64))
    assert matrix.tolist() == [[0.0] * 12 + [30.0] * 6] * customers


def test_a_set_needs_a_feature() -> None:
    assert FeatureSet((a_feature(),), USD).names
    with pytest.raises(ValueError):
        FeatureSet((), USD)


def test_a_set_has_no_feature_twice() -> None:
    day, hours = Feature(Aggregation.PURCHASE_COUNT, Window.days(1)), Window(24 * MICROS_PER_HOUR)
    with pytest.raises(ValueError, match=day.name):
        FeatureSet((day, replace(day, window=hours)), USD)


def test_the_longest_window_says_how_far_to_read() -> None:
    features = FeatureSet((a_feature(days=7), a_feature(days=90), a_feature(days=30)), USD)
    assert features.reach == Reach(Window.days(90))


def test_version_1_has_one_feature() -> None:
    features = total_purchase_volume_30d(USD)
    assert features.names == ("total_purchase_volume_30d",)
    assert value_of(features.features[0], PURCHASES) == 15.01


CONTRACTS = {
    "total_purchase_volume_30d": "7cfeaf477f4107c98559cc0e03f20cb66b4d5d3a82cb33b6cfa3bc3d97725b1b",
    "rfm_90d": "f29e86f2a09e36345419be3f511166ded865f01eb72e2445ab34d3bd78d011f0",
    "lifetime": "31185bd2abe118f52803afb62af2acd228de92f073a4ce328fdc30e22c2f131b",
    "within_category": "2243bb0a5fe2c31d2e411e2733f4b601bb801701aa967891a5a4d50b4cef1880",
}


@pytest.mark.parametrize("name", built_in_sets())
def test_the_contract_of_a_built_in_set_never_changes(name: str) -> None:
    assert built_in_sets()[name].in_currency(USD).contract_hash == CONTRACTS[name]


@pytest.mark.parametrize("name", built_in_sets())
def test_a_named_set_can_be_built_again_from_its_contract(name: str) -> None:
    features = built_in_sets()[name].in_currency(USD)
    assert FeatureSet.from_contract(json.loads(json.dumps(features.contract))) == features


def contract(**overrides: object) -> dict[str, object]:
    return total_purchase_volume_30d(USD).contract | overrides


FEATURE = {
    "aggregation": "purchase_count",
    "window_us": 1,
    "category": None,
    "target": False,
    "clip": None,
    "transform": None,
}


@pytest.mark.parametrize(
    "unknown",
    [
        {},
        {"semantics": SEMANTICS},
        contract(semantics=SEMANTICS + 1),
        contract(semantics=None),
        contract(semantics=True),
        contract(semantics=1.0),
        contract(currency="DEM"),
        contract(currency=None),
        contract(features=[]),
        contract(features=None),
        contract(features={"0": FEATURE}),
        contract(features=["total_purchase_volume_30d"]),
        contract(features=[FEATURE, FEATURE]),
        contract(features=[FEATURE | {"aggregation": "median_purchase_amount"}]),
        contract(features=[FEATURE | {"window_us": 0}]),
        contract(features=[FEATURE | {"window_us": None, "aggregation": "active_days"}]),
        contract(
            features=[
                FEATURE
                | {"window_us": None, "aggregation": "total_purchase_volume", "category": "a"}
            ]
        ),
        contract(features=[FEATURE | {"target": 1}]),
        contract(features=[FEATURE | {"target": True, "category": "jewellery"}]),
        contract(features=[FEATURE | {"transform": "log"}]),
        contract(features=[FEATURE | {"clip": [1.0]}]),
        contract(features=[FEATURE | {"clip": [2.0, 1.0]}]),
        contract(features=[FEATURE | {"clip": [0.0, math.inf]}]),
        contract(
            features=[
                {
                    "operation": "ratio",
                    "name": "r",
                    "of": [FEATURE],
                    "clip": None,
                    "transform": None,
                }
            ]
        ),
        contract(
            features=[
                {
                    "operation": "ratio",
                    "name": "a b",
                    "of": [FEATURE, FEATURE],
                    "clip": None,
                    "transform": None,
                }
            ]
        ),
        contract(base_rates={"mean": 0.5, "categories": {}}),
        contract(features=[FEATURE | {"window_us": 2.7}]),
        contract(features=[FEATURE | {"window_us": 2.0}]),
        contract(features=[FEATURE | {"window_us": True}]),
        contract(features=[FEATURE | {"window_us": "5"}]),
        contract(features=[FEATURE | {"window_us": math.inf}]),
        contract(features=[FEATURE | {"category": 5}]),
        contract(features=[FEATURE | {"aggregation": None}]),
        contract(features=[FEATURE | {"aggregation": ["purchase_count"]}]),
        contract(features=[FEATURE | {"minimum_amount_minor": 500}]),
        contract(minimum_amount_minor=500),
        contract(currency=840),
        *(
            contract(features=[{name: FEATURE[name] for name in FEATURE if name != missing}])
            for missing in FEATURE
        ),
    ],
    ids=json.dumps,
)
def test_a_contract_this_code_cannot_compute_is_refused(unknown: dict[str, object]) -> None:
    with pytest.raises(ValueError) as caught:
        FeatureSet.from_contract(unknown)
    assert str(caught.value)

"""What must hold of every feature, whatever the purchases."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.feature_sets import built_in_sets
from domain.features import Aggregation, Feature, FeatureSet, Histories
from domain.purchases import Lifetime, Purchase, PurchaseColumns, counts
from domain.values import Currency, Window
from tests import reference
from tests.builders import JPY, NOW, USD, a_purchase, value_of
from tests.strategies import (
    CATEGORIES,
    amounts,
    base_rates,
    batches,
    currencies,
    feature_sets,
    histories,
    instants,
    singles,
    windowed,
    windows,
)

ASKED = CATEGORIES[1]
"""The category that a target means here."""

some_category = st.one_of(st.none(), st.sampled_from(CATEGORIES))


def row(features: FeatureSet, purchases: list[Purchase], as_of: int) -> bytes:
    return features.matrix(Histories.of([purchases]), as_of, target=ASKED).tobytes()


@given(feature_sets, batches, instants)
def test_features_agree_with_the_plain_reference_to_the_last_bit(
    features: FeatureSet, batch: list[list[Purchase]], as_of: int
) -> None:
    matrix = features.matrix(Histories.of(batch), as_of, target=ASKED)
    assert matrix.tolist() == [reference.row(features, each, as_of, ASKED) for each in batch]


@given(feature_sets, histories(), instants, st.data())
def test_neither_order_nor_duplication_of_purchases_matters(
    features: FeatureSet, history: list[Purchase], as_of: int, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(history))) if history else []
    redelivered = data.draw(st.permutations(history + again))
    assert row(features, redelivered, as_of) == row(features, history, as_of)


@given(feature_sets, batches, instants)
def test_one_customer_alone_equals_the_same_customer_in_a_batch_bit_for_bit(
    features: FeatureSet, batch: list[list[Purchase]], as_of: int
) -> None:
    matrix = features.matrix(Histories.of(batch), as_of, target=ASKED)
    for position, history in enumerate(batch):
        assert matrix[position].tobytes() == row(features, history, as_of)


@given(feature_sets, histories(prefix="past-"), histories(prefix="future-"), instants)
def test_future_purchases_never_change_a_past_row(
    features: FeatureSet, past: list[Purchase], others: list[Purchase], as_of: int
) -> None:
    future = [
        replace(purchase, purchased_at=as_of + 1 + abs(purchase.purchased_at - as_of))
        for purchase in others
    ]
    assert row(features, past + future, as_of) == row(features, past, as_of)


@given(feature_sets, histories(), instants)
def test_future_refunds_never_change_a_past_row(
    features: FeatureSet, history: list[Purchase], as_of: int
) -> None:
    known = [
        replace(p, refunds=tuple(r for r in p.refunds if r.refunded_at <= as_of)) for p in history
    ]
    assert row(features, history, as_of) == row(features, known, as_of)


@given(feature_sets, histories(), instants)
def test_purchases_before_the_longest_window_need_not_be_read(
    features: FeatureSet, history: list[Purchase], as_of: int
) -> None:
    start = features.reach.after(as_of)
    read = [purchase for purchase in history if purchase.purchased_at > start]
    assert row(features, read, as_of) == row(features, history, as_of)


@pytest.mark.parametrize("name", built_in_sets())
@given(histories(), st.data())
def test_every_named_set_is_exact_at_all_its_edges_whatever_comes_late_or_twice(
    name: str, history: list[Purchase], data: st.DataObject
) -> None:
    features = built_in_sets()[name].in_currency(data.draw(currencies))
    features = features.knowing(data.draw(base_rates))
    edges = {NOW, *(w.after(NOW) for feature in features.features for w in feature.windows)}
    at_edges = [
        a_purchase(
            purchase_id=f"edge-{edge}-{step}",
            purchased_at=edge + step,
            category=data.draw(st.sampled_from(CATEGORIES)),
            amount_minor=data.draw(amounts),
        )
        for edge in sorted(edges)
        for step in (-1, 0, 1)
    ]
    some = data.draw(st.lists(st.sampled_from(at_edges), unique_by=lambda p: p.purchase_id))
    everything = history + some
    twice = data.draw(st.lists(st.sampled_from(everything))) if everything else []
    arrived = data.draw(st.permutations(everything + twice))
    matrix = features.matrix(Histories.of([arrived]), NOW, target=ASKED)
    assert matrix.tolist() == [reference.row(features, everything, NOW, ASKED)]


@given(feature_sets, batches, instants, st.data())
def test_totals_stand_for_whatever_is_not_listed(
    features: FeatureSet, batch: list[list[Purchase]], as_of: int, data: st.DataObject
) -> None:
    """What lies before the longest window may be left out of the list, if it is in the totals."""
    start = features.reach.window.after(as_of)
    listed: list[PurchaseColumns] = []
    for history in batch:
        known = [
            replace(p, refunds=tuple(r for r in p.refunds if r.refunded_at <= as_of))
            for p in history
        ]
        old = [p for p in known if p.purchased_at <= start]
        kept = data.draw(st.lists(st.sampled_from(old), unique=True)) if old else []
        columns = PurchaseColumns.of([p for p in known if p.purchased_at > start] + kept)
        listed.append(replace(columns, lifetime=Lifetime.of(known)))
    for columns, history in zip(listed, batch, strict=True):
        counted = [p.purchased_at for p in columns if counts(p)]
        assume(
            all(p.purchased_at <= as_of for p in history)
            or any(start < at <= as_of for at in counted)
            or len(columns) == len(history)
        )
    told = features.matrix(Histories.of(listed), as_of, target=ASKED)
    assert told.tolist() == [reference.row(features, each, as_of, ASKED) for each in batch]


@given(feature_sets, batches, instants, st.integers(-(10**14), 10**15))
def test_moving_everything_in_time_changes_no_feature(
    features: FeatureSet, batch: list[list[Purchase]], as_of: int, by: int
) -> None:
    histories = Histories.of(
        replace(PurchaseColumns.of(each), lifetime=Lifetime.of(each)) for each in batch
    )
    moved = histories.moved(np.full(len(batch), by, dtype=np.int64))
    told = features.matrix(moved, as_of + by, target=ASKED)
    assert told.tobytes() == features.matrix(histories, as_of, target=ASKED).tobytes()


@given(windows, instants, st.integers(0, 10**9), st.sampled_from([-1, 0, 1]))
def test_both_edges_of_every_window_are_exact_to_the_microsecond(
    window: Window, as_of: int, amount_minor: int, step: int
) -> None:
    volume = Feature(Aggregation.TOTAL_PURCHASE_VOLUME, window)
    count = Feature(Aggregation.PURCHASE_COUNT, window)
    for edge in (window.after(as_of), as_of):
        at = edge + step
        inside = as_of - window.length_us + 1 <= at < as_of + 1
        bought = [a_purchase(purchased_at=at, amount_minor=amount_minor)]
        assert value_of(count, bought, as_of=as_of) == float(inside)
        assert value_of(volume, bought, as_of=as_of) == (amount_minor / 100 if inside else 0.0)


@given(
    st.sampled_from([Aggregation.TOTAL_PURCHASE_VOLUME, Aggregation.PURCHASE_COUNT]),
    some_category,
    histories(),
    st.tuples(windows, windows),
    instants,
)
def test_sums_and_counts_add_up_over_adjoining_windows(
    aggregation: Aggregation,
    category: str | None,
    history: list[Purchase],
    adjoining: tuple[Window, Window],
    as_of: int,
) -> None:
    def value(window: Window, at: int) -> float:
        feature = Feature(aggregation, window, category)
        return value_of(feature, history, as_of=at, currency=JPY)

    # A refund counts from its instant on, so at the earlier one more may be left.
    history = [replace(purchase, refunds=()) for purchase in history]
    recent, before = adjoining
    both = Window(recent.length_us + before.length_us)
    assert value(both, as_of) == value(recent, as_of) + value(before, recent.after(as_of))


@given(histories(), windows, instants)
def test_sums_and_counts_add_up_over_categories(
    history: list[Purchase], window: Window, as_of: int
) -> None:
    for aggregation in (Aggregation.TOTAL_PURCHASE_VOLUME, Aggregation.PURCHASE_COUNT):
        parts = [
            value_of(Feature(aggregation, window, name), history, as_of=as_of, currency=JPY)
            for name in CATEGORIES
        ]
        whole = value_of(Feature(aggregation, window), history, as_of=as_of, currency=JPY)
        assert whole == sum(parts)


@given(feature_sets)
def test_a_contract_survives_json_and_builds_the_same_feature_set(features: FeatureSet) -> None:
    again = FeatureSet.from_contract(json.loads(json.dumps(features.contract)))
    assert again == features
    assert again.contract_hash == features.contract_hash


@given(feature_sets, feature_sets)
def test_only_equal_feature_sets_share_a_contract_hash(one: FeatureSet, other: FeatureSet) -> None:
    assert (one.contract_hash == other.contract_hash) == (one == other)


@given(feature_sets, st.data())
def test_another_order_is_another_contract(features: FeatureSet, data: st.DataObject) -> None:
    reordered = tuple(data.draw(st.permutations(features.features)))
    other = replace(features, features=reordered)
    same = reordered == features.features
    assert (other.contract_hash == features.contract_hash) == same


@given(feature_sets, currencies)
def test_another_currency_is_another_contract(features: FeatureSet, currency: Currency) -> None:
    assume(currency != features.currency)
    other = replace(features, currency=currency)
    assert other.contract_hash != features.contract_hash


@given(windowed, st.sampled_from([-1, 1]), some_category)
def test_another_window_or_category_is_another_contract(
    feature: Feature, step: int, category: str | None
) -> None:
    assert feature.window is not None
    assume(feature.window.length_us + step > 0)
    assume(category != feature.category)
    original = FeatureSet((feature,), USD).contract_hash
    longer = replace(feature, window=Window(feature.window.length_us + step))
    elsewhere = replace(feature, category=category)
    assert FeatureSet((longer,), USD).contract_hash != original
    assert FeatureSet((elsewhere,), USD).contract_hash != original


@given(singles, singles)
def test_only_equal_features_share_a_name(one: Feature, other: Feature) -> None:
    assert (one.name == other.name) == (one == other)


def test_the_reference_sees_purchases_too() -> None:
    volume = Feature(Aggregation.TOTAL_PURCHASE_VOLUME, Window.days(2))
    features = FeatureSet((volume,), USD)
    assert reference.row(features, [a_purchase(amount_minor=1250)], NOW) == [12.5]

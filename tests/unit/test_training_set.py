from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapters.feature_sets import built_in_sets
from domain.errors import TrainingRefused
from domain.features import Aggregation, BaseRates, FeatureSet, Histories
from domain.purchases import Purchase, Refund
from domain.training import Examples, TrainingSet, training_set
from domain.training.training_set import MIN_EXAMPLES_PER_CLASS, CutOffs, examples_at
from tests import reference
from tests.builders import DAY, NOW, USD, a_feature, a_history, a_purchase, missing
from tests.profiles import examples as so_many
from tests.strategies import batches, feature_sets, instants

WINDOW, HORIZON = 30 * DAY, 30 * DAY
COUNT = FeatureSet((a_feature(Aggregation.PURCHASE_COUNT),), USD)
horizons = st.sampled_from([1, DAY, HORIZON])


def plan(*, span: int, most: int = 99) -> CutOffs:
    return CutOffs.plan(first=NOW - span, last=NOW, window_us=WINDOW, horizon_us=HORIZON, most=most)


def examples(batch: list[list[Purchase]], cut_off: int, horizon_us: int = HORIZON) -> Examples:
    return examples_at(Histories.of(batch), cut_off, features=COUNT, horizon_us=horizon_us)


def same(one: Examples, other: Examples) -> bool:
    return one.matrix.tobytes() == other.matrix.tobytes() and (
        one.labels.tobytes() == other.labels.tobytes()
    )


def test_cut_offs_lie_one_horizon_apart_and_the_newest_is_held_out() -> None:
    cut_offs = plan(span=365 * DAY, most=3)
    assert cut_offs.held_out == NOW - 30 * DAY
    assert cut_offs.training == (NOW - 120 * DAY, NOW - 90 * DAY, NOW - 60 * DAY)
    assert cut_offs.horizon_us == HORIZON


@pytest.mark.parametrize(
    ("span", "count"), [(90 * DAY, 1), (120 * DAY - 1, 1), (120 * DAY, 2), (150 * DAY, 3)]
)
def test_there_are_as_many_cut_offs_as_full_windows_allow(span: int, count: int) -> None:
    assert len(plan(span=span).training) == count


@pytest.mark.parametrize(("span", "days"), [(0, 0), (DAY, 1), (90 * DAY - 1, 89)])
def test_too_short_a_span_is_refused_with_the_span_needed(span: int, days: int) -> None:
    with pytest.raises(TrainingRefused) as caught:
        plan(span=span)
    assert caught.value.field == "purchases"
    assert not missing(caught.value.reason, days, 90)


@pytest.mark.parametrize(
    ("most", "horizon_us"), [(0, HORIZON), (-1, HORIZON), (1, 0), (1, -HORIZON)]
)
def test_a_plan_needs_a_cut_off_and_a_horizon_ahead(most: int, horizon_us: int) -> None:
    with pytest.raises(ValueError) as caught:
        CutOffs.plan(
            first=NOW - 365 * DAY, last=NOW, window_us=WINDOW, horizon_us=horizon_us, most=most
        )
    assert not missing(caught.value, most, horizon_us)


@given(
    spare=st.integers(0, 2 * 365 * DAY),
    window_us=st.integers(1, 90 * DAY),
    horizon_us=st.integers(DAY, 60 * DAY),
    most=st.integers(1, 12),
)
def test_no_label_reaches_past_what_is_known_or_into_the_held_out_period(
    spare: int, window_us: int, horizon_us: int, most: int
) -> None:
    first = NOW - (window_us + 2 * horizon_us + spare)
    cut_offs = CutOffs.plan(
        first=first, last=NOW, window_us=window_us, horizon_us=horizon_us, most=most
    )
    assert cut_offs.held_out + horizon_us == NOW
    assert cut_offs.training[-1] + horizon_us == cut_offs.held_out
    assert cut_offs.training[0] - window_us >= first
    assert set(np.diff(cut_offs.training)) <= {horizon_us}
    one_more = cut_offs.training[0] - horizon_us - window_us >= first
    assert len(cut_offs.training) == most or not one_more


def test_a_customer_who_came_after_the_cut_off_is_no_example() -> None:
    rows = examples([a_history(NOW - 1), a_history(NOW), a_history(NOW + 1), []], NOW)
    assert rows.matrix.tolist() == [[1.0], [1.0]]
    assert (len(rows), rows.buyers) == (2, 0)


def test_a_customer_known_from_long_ago_is_an_example_with_an_empty_window() -> None:
    rows = examples([a_history(NOW - 300 * DAY)], NOW)
    assert rows.matrix.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("later", "bought"), [(0, False), (1, True), (HORIZON, True), (HORIZON + 1, False)]
)
def test_a_label_looks_ahead_over_the_horizon_open_at_the_cut_off(later: int, bought: bool) -> None:
    rows = examples([a_history(NOW - DAY, NOW + later)], NOW)
    assert rows.labels.tolist() == [bought]
    assert rows.buyers == int(bought)


@given(batches, feature_sets, instants, horizons)
def test_rows_are_the_plain_features_and_labels_at_the_cut_off(
    batch: list[list[Purchase]], features: FeatureSet, cut_off: int, horizon_us: int
) -> None:
    rows = examples_at(Histories.of(batch), cut_off, features=features, horizon_us=horizon_us)
    categories = {p.category for each in batch for p in each}
    known = [
        (category, each)
        for category in (sorted(categories) if features.targeted else [None])
        for each in batch
        if any(p.purchased_at <= cut_off and category in {None, p.category} for p in each)
    ]
    assert rows.matrix.tolist() == [
        reference.row(features, each, cut_off, category) for category, each in known
    ]
    end = cut_off + horizon_us
    assert rows.labels.tolist() == [
        any(
            cut_off < p.purchased_at <= end
            and category in {None, p.category}
            and (p.amount_minor == 0 or reference.left_of(p, end) > 0)
            for p in each
        )
        for category, each in known
    ]


@given(batches, feature_sets, instants, horizons)
def test_nothing_after_the_horizon_is_in_an_example(
    batch: list[list[Purchase]], features: FeatureSet, cut_off: int, horizon_us: int
) -> None:
    end = cut_off + horizon_us
    cut = [[p for p in each if p.purchased_at <= end] for each in batch]
    later = [
        [
            *each,
            *(replace(p, purchase_id=f"later-{p.purchase_id}", purchased_at=end + 1) for p in each),
        ]
        for each in cut
    ]
    whole, known, more = (
        examples_at(Histories.of(each), cut_off, features=features, horizon_us=horizon_us)
        for each in (batch, cut, later)
    )
    assert same(whole, known)
    assert same(whole, more)


@given(batches, feature_sets, instants, horizons)
def test_nothing_after_the_cut_off_is_in_a_feature(
    batch: list[list[Purchase]], features: FeatureSet, cut_off: int, horizon_us: int
) -> None:
    past = [[p for p in each if p.purchased_at <= cut_off] for each in batch]
    whole, known = (
        examples_at(Histories.of(each), cut_off, features=features, horizon_us=horizon_us)
        for each in (batch, past)
    )
    assert whole.matrix.tobytes() == known.matrix.tobytes()
    assert known.buyers == 0


def a_market(*, regulars: int = 12, lapsed: int = 15, days: int = 200) -> list[list[Purchase]]:
    """Regulars buy every ten days up to NOW; the lapsed bought once, on the first day."""
    first = NOW - days * DAY
    return [
        *[a_history(*range(first, NOW + 1, 10 * DAY)) for _ in range(regulars)],
        *[a_history(first) for _ in range(lapsed)],
    ]


def train_on(
    batch: list[list[Purchase]],
    *,
    features: FeatureSet = COUNT,
    horizon_us: int = HORIZON,
    most_cut_offs: int = 3,
) -> TrainingSet:
    return training_set(
        Histories.of(batch), features=features, horizon_us=horizon_us, most_cut_offs=most_cut_offs
    )


def test_a_training_set_stacks_its_cut_offs_and_holds_the_last_out() -> None:
    trained = train_on(a_market())
    assert trained.cut_offs == plan(span=200 * DAY, most=3)
    assert (len(trained.training), trained.training.buyers) == (3 * 27, 3 * 12)
    assert (len(trained.held_out), trained.held_out.buyers) == (27, 12)
    assert trained.held_out.matrix.tolist() == [[3.0]] * 12 + [[0.0]] * 15
    assert trained.training.labels.tolist() == ([True] * 12 + [False] * 15) * 3
    assert (trained.customers, trained.purchases) == (27, 12 * 21 + 15)
    assert trained.features is COUNT


def test_nothing_the_evaluation_asks_about_was_learnt_from() -> None:
    batch = a_market()
    trained = train_on(batch)
    held_out = trained.cut_offs.held_out
    known = [[p for p in each if p.purchased_at <= held_out] for each in batch]
    parts = [examples(known, cut_off) for cut_off in trained.cut_offs.training]
    rebuilt = Examples(
        np.concatenate([part.matrix for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.customer for part in parts]),
        np.concatenate([part.cut_off for part in parts]),
    )
    assert same(rebuilt, trained.training)


@pytest.mark.parametrize("batch", [[], [[]], [[], []]])
def test_no_purchases_are_refused(batch: list[list[Purchase]]) -> None:
    with pytest.raises(TrainingRefused) as caught:
        train_on(batch)
    assert caught.value.field == "purchases"


def test_too_short_a_history_is_refused() -> None:
    with pytest.raises(TrainingRefused) as caught:
        train_on(a_market(days=80))
    assert caught.value.field == "purchases"
    assert not missing(caught.value.reason, 80, 90)


@pytest.mark.parametrize(
    ("regulars", "lapsed"),
    [(MIN_EXAMPLES_PER_CLASS - 1, 50), (50, MIN_EXAMPLES_PER_CLASS - 1), (50, 0)],
)
def test_too_few_of_one_class_are_refused(regulars: int, lapsed: int) -> None:
    with pytest.raises(TrainingRefused) as caught:
        train_on(a_market(regulars=regulars, lapsed=lapsed), most_cut_offs=1)
    assert caught.value.field == "training examples"
    assert not missing(caught.value.reason, MIN_EXAMPLES_PER_CLASS)


def test_just_enough_of_each_class_will_do() -> None:
    trained = train_on(a_market(regulars=10, lapsed=10), most_cut_offs=1)
    assert len(trained.held_out) == 20


def test_the_held_out_period_needs_both_classes_too() -> None:
    newcomers = [a_history(NOW - 40 * DAY, NOW) for _ in range(20)]
    returning = [a_history(NOW - 200 * DAY, NOW) for _ in range(15)]
    regulars = a_market(regulars=12, lapsed=0)
    with pytest.raises(TrainingRefused) as caught:
        train_on([*newcomers, *returning, *regulars])
    assert caught.value.field == "held-out examples"
    assert not missing(caught.value.reason, 47, 0)


def test_the_same_customers_held_out_at_the_same_time_are_known_again() -> None:
    market = a_market()
    longer = FeatureSet((a_feature(days=60),), USD)
    asked = {
        train_on(market).held_out_sha256,
        train_on(market, most_cut_offs=1).held_out_sha256,
        train_on(market, features=longer).held_out_sha256,
    }
    assert len(asked) == 1


@pytest.mark.parametrize("change", ["newcomer", "purchase", "order", "horizon", "date"])
def test_other_customers_purchases_or_dates_are_not_the_same_question(change: str) -> None:
    market = a_market()
    others = {
        "newcomer": [*market, a_history(NOW - 40 * DAY)],
        "purchase": [[*market[0], a_purchase(purchase_id="late", purchased_at=NOW)], *market[1:]],
        "order": market[::-1],
        "horizon": market,
        "date": [*market, a_history(NOW - 40 * DAY, NOW + 1)],
    }
    horizon_us = HORIZON - DAY if change == "horizon" else HORIZON
    other = train_on(others[change], horizon_us=horizon_us)
    assert other.held_out_sha256 != train_on(market).held_out_sha256


def test_training_sets_and_their_examples_are_equal_only_to_themselves() -> None:
    one, other = train_on(a_market()), train_on(a_market())
    assert one == one  # noqa: PLR0124  # arrays have no truth value, so this once raised
    assert one != other
    assert len({one.training, other.training}) == 2


def two_categories() -> list[list[Purchase]]:
    """A market that buys in one category or the other."""
    return [
        [
            replace(purchase, customer_id=f"c{number}", category=("a", "b")[(number + step) % 2])
            for step, purchase in enumerate(history)
        ]
        for number, history in enumerate(a_market(days=300))
    ]


def changed_after(
    draw: Callable[[st.SearchStrategy[int]], int], histories: list[list[Purchase]], instant: int
) -> list[list[Purchase]]:
    """The same histories, but whatever came after that instant moved, refunded, or joined by more.

    The last purchase of all stays, so that the cut-offs do.
    """
    found: list[list[Purchase]] = []
    for history in histories:
        mine = [p for p in history if p.purchased_at <= instant]
        for purchase in history[len(mine) :]:
            what = draw(st.integers(0, 3))
            at = draw(st.integers(instant + 1, NOW))
            if what == 0 or purchase.purchased_at == NOW:
                mine.append(purchase)
            elif what == 1:
                mine.append(replace(purchase, purchased_at=at))
            elif what == 2:
                mine.append(replace(purchase, refunds=(Refund(at, "r", purchase.amount_minor),)))
            else:
                mine += [
                    purchase,
                    replace(purchase, purchase_id=f"more-{len(mine)}", purchased_at=at),
                ]
        early = mine[: draw(st.integers(0, len(mine)))]
        refunded = draw(st.integers(instant + 1, NOW))
        found.append(
            [
                replace(p, refunds=(Refund(refunded, "late", 1),)) if p in early else p
                for p in mine
                if p.amount_minor > 1
            ]
        )
    return found


@pytest.mark.parametrize("name", built_in_sets())
@given(data=st.data(), place=st.integers(0, 2))
@settings(max_examples=so_many(60))
def test_whatever_happens_after_a_cut_off_changes_no_row_before_it(
    name: str, data: st.DataObject, place: int
) -> None:
    features = built_in_sets()[name].in_currency(USD)
    histories = two_categories()
    before = train_on(histories, features=features)
    cut_off = before.cut_offs.training[place]
    try:
        after = train_on(changed_after(data.draw, histories, cut_off), features=features)
    except TrainingRefused:  # too few buy then
        assume(False)
    assert after.cut_offs == before.cut_offs
    one, other = before.training, after.training
    earlier = one.rows(one.cut_off < cut_off), other.rows(other.cut_off < cut_off)
    assert same(*earlier)
    at_it = one.rows(one.cut_off == cut_off), other.rows(other.cut_off == cut_off)
    assert at_it[0].matrix.tobytes() == at_it[1].matrix.tobytes()


def test_base_rates_are_of_the_horizons_that_had_ended() -> None:
    features = built_in_sets()["within_category"].in_currency(USD)
    found = train_on(two_categories(), features=features)
    rates = found.features.base_rates
    assert rates is not None
    assert set(rates.by_category) == {"a", "b"}
    assert 0.0 < rates["a"] < 1.0
    assert rates["never seen"] == rates.mean
    column = found.features.names.index("log1p(category_base_rate)")
    known = found.held_out.matrix[:, column]
    due = [np.log1p(rates[found.held_out.categories[each]]) for each in found.held_out.category]  # type: ignore[union-attr]  # it has one
    assert known.tolist() == due


def test_rare_categories_are_shrunk_to_the_mean() -> None:
    rates = BaseRates.of({"a": 900, "b": 1}, {"a": 1_000, "b": 1})
    assert rates.mean == 901 / 1_001
    assert rates["a"] == pytest.approx(0.9, abs=0.001)
    assert rates["b"] == pytest.approx(rates.mean, abs=0.002)
    assert BaseRates.of({}, {}) == BaseRates(0.0, {})

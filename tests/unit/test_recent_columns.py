"""Columns of recent items: the same as one history after another, or left to those."""

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dynamodb.recent.columns import recent_columns
from adapters.dynamodb.recent.history import recent_history
from adapters.dynamodb.recent.marks import Marks
from adapters.dynamodb.recent.suppression import SUPPRESSED
from adapters.dynamodb.recent.totals import total_changes
from adapters.dynamodb.schema import (
    OVERFLOW,
    category_attribute,
    day_attribute,
    encode_elements,
    kept_attribute,
)
from adapters.dynamodb.schema.elements import category_number
from domain.errors import CorruptRecord
from domain.features import Aggregation, Feature, FeatureSet, Histories
from domain.features.known import TARGET
from domain.purchases import Lifetime, Purchase, Refund
from domain.recent import RecentHistory
from domain.recent.columns import RecentColumns
from domain.retention import Retention
from domain.values import MICROS_PER_DAY, Currency, Reach, Window, day_of
from tests.builders import NOW

CATEGORIES = ("books", "grün", "shoes")
WINDOWS = (Window.days(7), Window.days(30))
RETENTION = Retention.covering(WINDOWS[-1])
AS_OF = st.sampled_from([NOW, NOW - MICROS_PER_DAY // 2, NOW - MICROS_PER_DAY])
FEATURES = FeatureSet(
    (
        *(Feature(Aggregation.TOTAL_PURCHASE_VOLUME, window) for window in (*WINDOWS, None)),
        *(Feature(Aggregation.PURCHASE_COUNT, window, TARGET) for window in (*WINDOWS, None)),
        Feature(Aggregation.DISTINCT_CATEGORIES, WINDOWS[-1]),
        Feature(Aggregation.ACTIVE_DAYS, WINDOWS[-1]),
        Feature(Aggregation.DAYS_SINCE_LAST_PURCHASE, None),
        Feature(Aggregation.DAYS_SINCE_FIRST_PURCHASE, None),
    ),
    Currency.of("EUR"),
)
WITHIN = FeatureSet(FEATURES.features[:2], Currency.of("EUR"))
PURCHASES = st.builds(
    Purchase,
    customer_id=st.just("c"),
    purchase_id=st.sampled_from(["p1", "p2", "p3", "a longer one", "another longer one"]),
    purchased_at=st.integers(NOW - 40 * MICROS_PER_DAY, NOW + MICROS_PER_DAY // 4),
    category=st.sampled_from(CATEGORIES),
    amount_minor=st.integers(1, 10_000),
    refunds=st.sampled_from([(), (), (), (Refund(NOW - 9, "r", 1),)]),
)
LARGE = PURCHASES.map(lambda each: replace(each, amount_minor=1 << 24))
LIVES = st.lists(
    st.one_of(PURCHASES, PURCHASES, LARGE), max_size=5, unique_by=lambda each: each.purchase_id
)


def an_item(life: Sequence[Purchase], *, totals: bool) -> dict[str, Any]:
    """What is stored of a customer who bought these."""
    if not life:
        return {}
    item: dict[str, Any] = {"customer_id": {"S": "c"}}
    for purchase in life:
        if day_of(purchase.purchased_at) > day_of(NOW) - RETENTION.days:
            name = day_attribute(day_of(purchase.purchased_at))
            item.setdefault(name, {"BS": []})["BS"] += encode_elements(purchase)
        item.setdefault(category_attribute(purchase.category), {"N": "0"})
    return item | (written(Lifetime.of(life)) if totals else {})


def written(lifetime: Lifetime) -> dict[str, Any]:
    """The attributes of these totals."""
    actions = total_changes({}, lifetime, ())
    names_and_values: list[Any] = [action.values for action in actions]
    return {str(name): value.value for name, value in names_and_values}


def columns_of(
    items: Mapping[str, Mapping[str, Any]], marks: Marks, *, totals: bool = True
) -> RecentColumns:
    columns = recent_columns(items, RETENTION, marks, NOW, totals=totals)
    assert columns is not None
    return columns


def history_of(customer: str, item: Mapping[str, Any], marks: Marks) -> RecentHistory:
    return recent_history(customer, item, RETENTION, marks, NOW)


def is_plain(life: Sequence[Purchase]) -> bool:
    """Whether columns can tell all of it; what is too old is not listed, but for its refunds."""
    since = day_of(NOW) - RETENTION.days
    listed = [purchase for purchase in life if day_of(purchase.purchased_at) > since]
    return not any(each.refunds or each.amount_minor >= 1 << 24 for each in listed)


@given(
    lives=st.dictionaries(st.text("abc", min_size=1, max_size=3), LIVES, max_size=8),
    totals=st.booleans(),
    shorter=st.sampled_from([{}, {7: NOW - 20 * MICROS_PER_DAY}, {7: NOW}]),
    as_of=AS_OF,
    features=st.sampled_from([FEATURES, WITHIN]),
)
def test_columns_tell_what_histories_tell_one_by_one(
    lives: Mapping[str, Sequence[Purchase]],
    totals: bool,
    shorter: Mapping[int, int],
    as_of: int,
    features: FeatureSet,
) -> None:
    marks, reach = Marks(shorter, totals=totals), features.reach
    items = {customer: an_item(life, totals=totals) for customer, life in lives.items()}
    histories = {customer: history_of(customer, item, marks) for customer, item in items.items()}
    columns = columns_of(items, marks, totals=reach.ever)
    assert columns.customers == {customer for customer, life in lives.items() if is_plain(life)}
    told = columns.only(columns.answer(reach, as_of)).histories
    answered = [c for c in columns.histories.customer_ids if histories[c].answers(reach, as_of)]
    assert list(told.customer_ids) == answered
    if answered:
        one_by_one = Histories.of(histories[customer].reaching(reach) for customer in answered)
        assert told.known.tolist() == one_by_one.known.tolist()
        for target in CATEGORIES:
            ours = features.matrix(told, as_of, target=target)
            assert np.array_equal(ours, features.matrix(one_by_one, as_of, target=target))


@given(LIVES, st.sampled_from([{}, {7: NOW}]))
def test_an_item_tells_itself_with_which_retention_it_was_written(
    life: Sequence[Purchase], shorter: Mapping[int, int]
) -> None:
    marks = Marks(shorter, totals=False)
    kept = {kept_attribute(days): {"N": str(day_of(NOW) - 3)} for days in (7, RETENTION.days)}
    items = {"c": an_item([each for each in life if is_plain([each])], totals=False) | kept}
    (since,) = columns_of(items, marks).complete_since
    assert since == history_of("c", items["c"], marks).complete_since


BOUGHT = Purchase(
    customer_id="c", purchase_id="p1", purchased_at=NOW, category="books", amount_minor=5
)
TODAY = day_attribute(day_of(NOW))


def short_of(listed: bytes) -> str:
    """The element of BOUGHT, with another short id."""
    content = a2b_base64(encode_elements(BOUGHT)[0])
    return b2a_base64(content[:10] + listed.ljust(8, b"\0"), newline=False).decode()


def colliding() -> tuple[str, str]:
    """Two categories that elements give the same number."""
    found: dict[int, str] = {}
    for n in range(100_000):
        if (other := found.setdefault(category_number(str(n)), str(n))) != str(n):
            return other, str(n)
    raise AssertionError


@pytest.mark.parametrize(
    "more",
    [
        {SUPPRESSED: {"N": str(NOW + 1)}},
        {day_attribute(day_of(NOW) - 1): {"BS": [OVERFLOW]}},
        {category_attribute(name): {"N": "0"} for name in colliding()},
        {"n": {"N": "0"}},
        {"v": {"N": "4"}},
        {"n": {"N": "2"}, "v": {"N": "2"}},
        {"n": {"N": str(-(2**63))}},
        {TODAY: {"BS": encode_elements(replace(BOUGHT, purchase_id="é"))}},
    ],
    ids=["suppressed", "overflow", "one number twice", "none", "less", "fewer", "wrapping", "é"],
)
def test_who_has_anything_else_is_left_to_their_history_and_nobody_beside(
    more: Mapping[str, Any],
) -> None:
    item = an_item([BOUGHT], totals=True)
    columns = columns_of(
        {"other": item, "c": {**item, **more}, "last": item}, Marks({}, totals=True)
    )
    assert columns.customers == {"other", "last"}
    assert columns.histories.amount_minor.tolist() == [5, 5]


@pytest.mark.parametrize(
    "more",
    [
        {TODAY: {"BS": ["no base64, but so long     "[:24]]}},
        {TODAY: {"BS": ["A" * 24]}},
        {TODAY: {"BS": ["/" * 24]}},
        {TODAY: {"SS": ["A" * 24]}},
        {"d1x": {"BS": ["A" * 24]}},
        {kept_attribute(7): {"N": "x"}},
        {"k1x": {"N": "7"}},
        {"n": {"N": "x"}},
        {category_attribute("shoes"): {"N": "x"}},
        {day_attribute(day_of(NOW) - 1): {"BS": encode_elements(BOUGHT)}},
        {TODAY: {"BS": [short_of(b"\xff\xfe")]}},
        {TODAY: {"BS": [short_of(b"")]}},
        {f"d0{day_of(NOW)}": {"BS": encode_elements(BOUGHT)}},
    ],
    ids=[
        "no base64",
        "no category",
        "no time",
        "no bytes",
        "no day",
        "no day kept",
        "no retention",
        "no number",
        "no count",
        "one id twice",
        "no text",
        "no id",
        "a day twice",
    ],
)
def test_what_cannot_be_read_is_left_to_the_history_which_says_so(more: Mapping[str, Any]) -> None:
    item = {**an_item([BOUGHT], totals=True), **more}
    columns = recent_columns({"c": item}, RETENTION, Marks({}, totals=True), NOW, totals=True)
    assert columns is None or not columns.customers
    with pytest.raises(CorruptRecord):
        Histories.of([history_of("c", item, Marks({}, totals=True)).purchases])


def test_a_number_that_no_column_holds_is_left_to_the_history() -> None:
    item = {**an_item([BOUGHT], totals=True), "v": {"N": "9" * 30}}
    assert recent_columns({"c": item}, RETENTION, Marks({}, totals=True), NOW, totals=True) is None


def test_untrue_counts_of_a_category_are_told_of_whom_they_are_about() -> None:
    item = an_item([BOUGHT], totals=True)
    strange = {**item, category_attribute("books"): {"N": "0"}}
    columns = columns_of({"strange": strange, "c": item}, Marks({}, totals=True))
    earlier = columns.only(np.array([False, True])).histories.earlier
    assert earlier is not None
    assert earlier.count_in("books").tolist() == [0]
    everybody = columns.histories.earlier
    assert everybody is not None
    with pytest.raises(CorruptRecord):
        everybody.count_in("books")


def test_nobody_is_nobody() -> None:
    columns = columns_of({}, Marks({}, totals=True))
    assert not columns.customers
    assert columns.answer(Reach(WINDOWS[0], ever=True), NOW).tolist() == []

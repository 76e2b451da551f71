"""Elements of recent items: exact, small, and never taken for what they are not."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dynamodb.schema.elements import (
    MAX_ELEMENT_BYTES,
    OVERFLOW,
    category_number,
    decode_days,
    encode_elements,
    is_purchase,
)
from adapters.dynamodb.wire import item_bytes
from domain.errors import CorruptRecord
from domain.purchases import MAX_AMOUNT_MINOR, Purchase, Refund
from domain.recent import as_listed
from domain.values import MICROS_PER_DAY, day_of

IDS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=20)
REFUNDS = st.builds(Refund, st.integers(0, 2**52), IDS, st.integers(1, MAX_AMOUNT_MINOR))
PURCHASES = st.builds(
    Purchase,
    customer_id=st.just("c"),
    purchase_id=IDS,
    purchased_at=st.integers(0, 2**52),
    category=st.sampled_from(["books", "grün", "c" * 64]),
    amount_minor=st.one_of(st.integers(0, 10_000), st.integers(0, MAX_AMOUNT_MINOR)),
    refunds=st.lists(REFUNDS, max_size=2, unique_by=lambda each: each.refund_id).map(tuple),
)


def sets_of(purchases: Sequence[Purchase]) -> dict[int, list[str]]:
    """The elements of each day."""
    sets: dict[int, list[str]] = defaultdict(list)
    for purchase in purchases:
        sets[day_of(purchase.purchased_at)] += encode_elements(purchase)
    return sets


@given(st.lists(PURCHASES, max_size=6, unique_by=lambda each: each.purchase_id))
def test_what_was_listed_is_read_again_to_the_microsecond_and_the_minor_unit(
    purchases: list[Purchase],
) -> None:
    categories = list({purchase.category for purchase in purchases})
    columns, unclear = decode_days(sets_of(purchases), categories, customer_id="c")
    assert sorted(columns, key=str) == sorted(map(as_listed, purchases), key=str)
    assert not unclear


@given(PURCHASES)
def test_no_element_is_longer_than_a_day_counts_with(purchase: Purchase) -> None:
    elements = encode_elements(purchase)
    sizes = [item_bytes({"": {"BS": [element]}}) for element in elements]
    assert max(sizes) <= MAX_ELEMENT_BYTES
    assert sizes[0] == 18 or purchase.amount_minor >= 1 << 24
    assert [is_purchase(each) for each in elements] == [True, *[False] * len(purchase.refunds)]
    assert not is_purchase(OVERFLOW)


@given(IDS, IDS)
def test_ids_are_listed_alike_only_where_they_are_alike(one: str, other: str) -> None:
    listed = [
        as_listed(
            Purchase(
                customer_id="c", purchase_id=each, purchased_at=0, category="b", amount_minor=1
            )
        )
        for each in (one, other)
    ]
    assert (listed[0] == listed[1]) is (one == other)
    assert as_listed(listed[0]).purchase_id == listed[0].purchase_id or len(one.encode()) > 7


def test_a_day_of_two_categories_that_share_a_number_is_told_to_be_unclear() -> None:
    known: dict[int, str] = {}
    pairs = ((name, known.setdefault(category_number(name), name)) for name in map(str, count()))
    name, other = next((name, other) for name, other in pairs if name != other)
    purchases = [
        Purchase(
            customer_id="c",
            purchase_id=f"p{day}",
            purchased_at=day * MICROS_PER_DAY,
            category=category,
            amount_minor=1 << 30,
            refunds=(Refund(0, "r", 1),),
        )
        for day, category in enumerate(("clear", name, other, "clear"))
    ]
    columns, unclear = decode_days(sets_of(purchases), ["clear", name, other], customer_id="c")
    assert unclear == {1, 2}
    assert list(columns) == [purchases[0], purchases[3]]
    alone, unclear = decode_days(sets_of(purchases[:2]), ["clear", name], customer_id="c")
    assert (list(alone), unclear) == (purchases[:2], frozenset())


PURCHASE = Purchase(customer_id="c", purchase_id="p", purchased_at=0, category="b", amount_minor=1)


@pytest.mark.parametrize(
    "element",
    [
        "no purchase",
        "",
        "=" * 24,
        "ä" * 24,
        b64encode(bytes(17)).decode(),
        b64encode(bytes(19)).decode(),
        b64encode(bytes(29)).decode(),
        b64encode(
            (MICROS_PER_DAY << 24).to_bytes(8) + category_number("b").to_bytes(2) + b"12345678"
        ).decode(),
        b64encode((1 << 61).to_bytes(8) + category_number("b").to_bytes(2) + bytes(8)).decode(),
        encode_elements(PURCHASE)[0][:-1],
    ],
)
def test_what_is_no_element_is_an_error(element: str) -> None:
    known = encode_elements(PURCHASE)
    for elements in ([element], [*known, element], [element, *known]):
        with pytest.raises(CorruptRecord):
            decode_days({1: elements}, ["b"], customer_id="c")


def test_an_element_of_a_category_that_is_not_named_is_an_error() -> None:
    with pytest.raises(CorruptRecord):
        decode_days({0: encode_elements(PURCHASE)}, ["other"], customer_id="c")

"""Expressions that are serialised once and filled in say what PynamoDB says of each request."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.expressions.operand import Path

from adapters.dynamodb.recent import RecentUpdate, part_of
from adapters.dynamodb.recent.writing import LAG_DAYS
from adapters.dynamodb.schema import (
    Expression,
    PurchaseRow,
    RecentRow,
    RefundMap,
    category_attribute,
    item_of,
)
from domain.purchases import Purchase, Refund
from domain.retention import PurchaseRetention, Retention
from domain.values import day_of
from tests.builders import DAY, NOW, a_purchase

RETENTION = Retention(9)


def resolved(request: dict[str, Any], member: str) -> str:
    """An expression with the names and values in it."""
    text = str(request[member])
    for members in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        known = request.get(members, {})
        for placeholder in sorted(known, key=len, reverse=True):
            text = text.replace(placeholder, f"<{known[placeholder]}>")
    return text


def test_each_slot_is_filled_wherever_it_stands() -> None:
    seen = Path("<name>")
    expression = Expression(
        condition=seen.does_not_exist() | (seen <= {"N": "<number>"}),
        actions=[seen.set({"N": "<number>"}), Path("fixed").set({"S": "text"})],
    )
    filled = expression.filled(names={"<name>": "d1"}, values={"<number>": "7", "<other>": "8"})
    assert resolved(filled, "ConditionExpression") == (
        "(attribute_not_exists (<d1>) OR <d1> <= <{'N': '7'}>)"
    )
    assert (
        resolved(filled, "UpdateExpression") == "SET <d1> = <{'N': '7'}>, <fixed> = <{'S': 'text'}>"
    )
    again = expression.filled(names={"<name>": "d2"}, values={"<number>": "9"})
    assert "d1" not in str(again)
    assert "7" not in str(again["ExpressionAttributeValues"])


@given(
    days=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    categories=st.lists(st.sampled_from(["a", "b.c", "b%"]), min_size=6, max_size=6),
    refunded=st.booleans(),
    for_ever=st.booleans(),
)
def test_an_update_of_an_unseen_item_names_what_its_purchases_are(
    days: Sequence[int], categories: Sequence[str], *, refunded: bool, for_ever: bool
) -> None:
    kept = PurchaseRetention(None if for_ever else 400)
    purchases = [
        replace(
            a_purchase(
                purchase_id=f"p{number}", purchased_at=NOW - day * DAY - number, category=category
            ),
            refunds=(Refund(NOW, "r", 1),) if refunded else (),
        )
        for number, (day, category) in enumerate(zip(days, categories, strict=False))
    ]
    update = RecentUpdate.of_purchases(purchases, now=NOW, retention=Retention(9, kept))
    request = part_of(update, RecentRow).get("Update")
    if request is None:  # all of them are older than what is kept, and there are no totals
        assert not for_ever
        assert min(days) > RETENTION.days
        return
    written = resolved(request, "UpdateExpression") + resolved(request, "ConditionExpression")
    assert "slot" not in written
    assert not any(f"<<{name}" in written for name in ("day", "elements", "room", "count"))
    oldest = day_of(NOW) - RETENTION.days
    for day, elements in update.added.items():
        assert f"<d{day}> <{{'BS': {elements!r}}}>" in written
    removed = resolved(request, "UpdateExpression").partition("REMOVE ")[2].partition(" ADD ")[0]
    for day in range(oldest - RETENTION.days - LAG_DAYS, oldest):
        assert f"<d{day}>" in removed
    named = {p.category for p in purchases if for_ever or day_of(p.purchased_at) >= oldest}
    for category in named:
        assert f"<{category_attribute(category)}> <{{'N': '" in written
    if for_ever:
        total = sum(p.amount_minor for p in purchases) - refunded * len(purchases)
        assert f"<v> <{{'N': '{total}'}}>" in written


@pytest.mark.parametrize("refunds", [(), (Refund(NOW, "r", 1), Refund(NOW + 1, "s", 2))])
def test_an_item_is_the_one_that_its_model_saves(refunds: Sequence[Refund]) -> None:
    purchase: Purchase = a_purchase(purchased_at=NOW)
    values: dict[str, Any] = {
        "customer_id": purchase.customer_id,
        "purchase_id": purchase.purchase_id,
        "purchased_at": purchase.purchased_at,
        "category": purchase.category,
        "amount_minor": purchase.amount_minor,
        "category_shard": "grün#001",
        "fingerprint": purchase.fingerprint,
        "refunds": [
            RefundMap(refund_id=r.refund_id, refunded_at=r.refunded_at, amount_minor=r.amount_minor)  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
            for r in refunds
        ]
        or None,
        "expires_at": None,
    }
    assert item_of(PurchaseRow, **values) == PurchaseRow(**values).serialize()

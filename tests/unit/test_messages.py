"""What a message may hold; whatever else comes is refused with a reason, and nothing is raised."""

import json
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake import items_of, purchases_of
from api.intake.envelopes import MOST_ENVELOPES
from api.intake.messages import CANCELLED, RECORDED, REFUNDED
from domain.purchases import RawCancellation, RawPurchase, RawRefund, Unreadable
from tests.builders import missing, raw_purchase

PURCHASE = raw_purchase()
IDS = {"customer_id": "c", "purchase_id": "p"}
REFUND = IDS | {"refund_id": "r", "refunded_at": "2026-01-01T00:00:00Z", "amount_minor": 5}


def event(**changes: object) -> dict[str, object]:
    plain = {"specversion": "1.0", "id": "1", "source": "shop", "type": RECORDED, "data": PURCHASE}
    merged = plain | changes
    return {name: value for name, value in merged.items() if value is not None}


def envelope(message: str) -> dict[str, object]:
    return {"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": message}


def bus_event(detail: object, kind: str = RECORDED) -> dict[str, object]:
    return {"version": "0", "source": "shop.orders", "detail-type": kind, "detail": detail}


def within(depth: int) -> str:
    text = json.dumps(PURCHASE)
    for _ in range(depth):
        text = json.dumps(envelope(text))
    return text


def test_envelopes_may_stand_in_one_another_so_deep() -> None:
    assert items_of(within(MOST_ENVELOPES)) == [RawPurchase(PURCHASE)]
    (item,) = items_of(within(MOST_ENVELOPES + 1))
    assert isinstance(item, Unreadable)


@pytest.mark.parametrize("door", [items_of, lambda body: purchases_of(body.encode(), most=9)])
def test_every_door_opens_the_same_envelopes(door: Callable[[str], list[object]]) -> None:
    for document in (envelope(json.dumps(PURCHASE)), bus_event(PURCHASE)):
        assert door(json.dumps(document)) == [RawPurchase(PURCHASE)]


@pytest.mark.parametrize("door", [items_of, lambda body: purchases_of(body.encode(), most=9)])
def test_an_envelope_around_nothing_is_refused(door: Callable[[str], list[object]]) -> None:
    (item,) = door(json.dumps(bus_event([])))
    assert isinstance(item, Unreadable)


def test_a_doubled_name_among_very_many_is_named() -> None:
    """Counted once, not once per name: this is on the event loop."""
    names = ", ".join(f'"{number}": 0' for number in range(60_000))
    (item,) = items_of(f'{{{names}, "59999": 1}}')
    assert isinstance(item, Unreadable)
    assert item.field == "59999"


def test_a_byte_order_mark_is_skipped() -> None:
    assert items_of("\ufeff" + json.dumps(PURCHASE)) == [RawPurchase(PURCHASE)]
    assert items_of(b"\xef\xbb\xbf" + json.dumps(PURCHASE).encode()) == [RawPurchase(PURCHASE)]


def test_an_unknown_shape_is_refused_by_its_structure_and_nothing_that_is_in_it() -> None:
    document = {
        "order": {"email": "ann@example.org", "ann@example.org": 7, "lines": [{"sku": "x"}]}
    }
    (item,) = items_of(json.dumps(document))
    assert isinstance(item, Unreadable)
    assert not missing(item.reason, "order", "email", "lines", "sku", "text", "number")
    assert "ann" not in item.reason
    (long,) = items_of(json.dumps({f"field-{'x' * n}": {"a": "b"} for n in range(300)}))
    assert isinstance(long, Unreadable)
    assert len(long.reason) < 300


@pytest.mark.parametrize("wrapped", ["{}", '{{"purchases": [{}]}}', "[{}]"])
def test_a_name_given_twice_is_refused_by_name(wrapped: str) -> None:
    twice = '{"customer_id": "c-1", ' + json.dumps(PURCHASE)[1:]
    (item,) = items_of(wrapped.format(twice))
    assert isinstance(item, Unreadable)
    assert item.field == "customer_id"


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        (PURCHASE, [RawPurchase]),
        ([PURCHASE, PURCHASE], [RawPurchase, RawPurchase]),
        ({"purchases": [PURCHASE, 7]}, [RawPurchase, Unreadable]),
        ({"cancelled": IDS}, [RawCancellation]),
        ([{"cancelled": IDS}, PURCHASE], [RawCancellation, RawPurchase]),
        ({"refunded": REFUND}, [RawRefund]),
        (event(type=REFUNDED, data=REFUND), [RawRefund]),
        (bus_event(REFUND, REFUNDED), [RawRefund]),
        (event(), [RawPurchase]),
        ([event(), event(type=CANCELLED, data=IDS)], [RawPurchase, RawCancellation]),
        (
            event(data=None, data_base64=b64encode(json.dumps(PURCHASE).encode()).decode()),
            [RawPurchase],
        ),
        (envelope(json.dumps(event())), [RawPurchase]),
        (envelope(json.dumps([PURCHASE, {"cancelled": IDS}])), [RawPurchase, RawCancellation]),
        (bus_event(PURCHASE), [RawPurchase]),
        (bus_event(IDS, CANCELLED), [RawCancellation]),
        (bus_event({"purchases": [PURCHASE, PURCHASE]}, "order placed"), [RawPurchase] * 2),
        (envelope(json.dumps(bus_event(PURCHASE))), [RawPurchase]),
        ({"requestContext": {}, "body": json.dumps(PURCHASE)}, [RawPurchase]),
        ({"Records": [{"eventSource": "aws:sqs", "body": json.dumps(PURCHASE)}]}, [RawPurchase]),
        (
            {
                "Records": [
                    {"EventSource": "aws:sns", "Sns": envelope(json.dumps(bus_event(PURCHASE)))}
                ]
            },
            [RawPurchase],
        ),
        (
            {
                "Records": [
                    {
                        "eventSource": "aws:kinesis",
                        "kinesis": {
                            "kinesisSchemaVersion": "1.0",
                            "data": b64encode(json.dumps(event()).encode()).decode(),
                        },
                    }
                ]
            },
            [RawPurchase],
        ),
        ([{"eventSource": "aws:sqs", "body": json.dumps({"cancelled": IDS})}], [RawCancellation]),
        (
            {
                "requestContext": {},
                "body": b64encode(json.dumps(event()).encode()).decode(),
                "isBase64Encoded": True,
            },
            [RawPurchase],
        ),
    ],
)
def test_every_form_gives_the_same_items(document: object, kinds: list[type]) -> None:
    items = items_of(json.dumps(document))
    assert [type(item) for item in items] == kinds
    for item in items:
        assert not isinstance(item, RawPurchase) or item.raw == PURCHASE
        assert not isinstance(item, RawRefund) or item.fields == REFUND
        assert not isinstance(item, RawCancellation) or (item.customer_id, item.purchase_id) == (
            "c",
            "p",
        )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "body"),
        ("{", "body"),
        ("[" * 100_000, "body"),
        ("null", "body"),
        ("[]", "body"),
        ('{"purchases": []}', "body"),
        ("[[]]", "body"),
        ('"text"', "body"),
        ('{"amount": 7.5}', "amount"),
        (json.dumps({"cancelled": 7}), "cancelled"),
        (json.dumps({"cancelled": {**IDS, "x": 1}}), "cancelled"),
        (json.dumps({"cancelled": {**IDS, "purchase_id": 7}}), "cancelled"),
        (json.dumps(event(specversion="0.3")), "specversion"),
        (json.dumps(event(id=None)), "id"),
        (json.dumps(event(source="")), "source"),
        (json.dumps(event(type="order.shipped")), "type"),
        (json.dumps(event(data="text")), "purchase"),
        (json.dumps(event(data=None, data_base64="!")), "data_base64"),
        (json.dumps(envelope("{")), "Message"),
        (json.dumps(envelope(json.dumps(envelope("{")))), "Message"),
        (json.dumps({"requestContext": {}, "body": "!", "isBase64Encoded": True}), "body"),
        (json.dumps(bus_event(7)), "body"),
        (json.dumps([{}] * 10_001), "body"),
    ],
)
def test_what_is_refused_says_where_and_why(body: str, field: str) -> None:
    (item,) = items_of(body)
    assert isinstance(item, Unreadable)
    assert item.field == field
    assert item.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["Type", "Message", "specversion", "type", "data", "cancelled", "purchases"]
            )
            | st.text(),
            inner,
        )
    ),
)


@given(st.binary() | st.text() | JSON.map(json.dumps))
def test_nothing_that_is_sent_raises_and_nothing_is_lost(body: str | bytes) -> None:
    assert items_of(body)

"""What a message may hold; whatever else comes is refused with a reason, and nothing is raised."""

import json
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.intake import Cancelled, Refused, Sent, items_of
from api.intake.messages import CANCELLED, RECORDED
from tests.builders import raw_purchase

PURCHASE = raw_purchase()
IDS = {"customer_id": "c", "purchase_id": "p"}


def event(**changes: object) -> dict[str, object]:
    plain = {"specversion": "1.0", "id": "1", "source": "shop", "type": RECORDED, "data": PURCHASE}
    merged = plain | changes
    return {name: value for name, value in merged.items() if value is not None}


def envelope(message: str) -> dict[str, object]:
    return {"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": message}


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        (PURCHASE, [Sent]),
        ([PURCHASE, PURCHASE], [Sent, Sent]),
        ({"purchases": [PURCHASE, 7]}, [Sent, Refused]),
        ({"cancelled": IDS}, [Cancelled]),
        ([{"cancelled": IDS}, PURCHASE], [Cancelled, Sent]),
        (event(), [Sent]),
        ([event(), event(type=CANCELLED, data=IDS)], [Sent, Cancelled]),
        (
            event(data=None, data_base64=b64encode(json.dumps(PURCHASE).encode()).decode()),
            [Sent],
        ),
        (envelope(json.dumps(event())), [Sent]),
        (envelope(json.dumps([PURCHASE, {"cancelled": IDS}])), [Sent, Cancelled]),
    ],
)
def test_every_form_gives_the_same_items(document: object, kinds: list[type]) -> None:
    items = items_of(json.dumps(document))
    assert [type(item) for item in items] == kinds
    for item in items:
        assert not isinstance(item, Sent) or item.raw == PURCHASE
        assert not isinstance(item, Cancelled) or (item.customer_id, item.purchase_id) == ("c", "p")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "body: is not JSON"),
        ("{", "body: is not JSON"),
        ("[" * 100_000, "body: is not JSON"),
        ("null", "body: must be an object"),
        ("[]", "body: holds nothing"),
        ('{"purchases": []}', "body: holds nothing"),
        ("[[]]", "body: a list within a list"),
        ('"text"', "body: must be an object"),
        ('{"amount": 7.5}', "amount: send amount_minor"),
        (json.dumps({"cancelled": 7}), "cancelled: must be an object"),
        (json.dumps({"cancelled": {**IDS, "x": 1}}), "cancelled: must have customer_id"),
        (json.dumps({"cancelled": {**IDS, "purchase_id": 7}}), "cancelled: must have customer_id"),
        (json.dumps(event(specversion="0.3")), "specversion: must be 1.0"),
        (json.dumps(event(id=None)), "id: must be text"),
        (json.dumps(event(source="")), "source: must be text"),
        (json.dumps(event(type="order.shipped")), "type: must be propensity.purchase.recorded"),
        (json.dumps(event(data="text")), "purchase: must be an object"),
        (json.dumps(event(data=None, data_base64="!")), "data_base64: is not JSON in base64"),
        (json.dumps(envelope("{")), "Message: is not JSON"),
        (json.dumps(envelope(json.dumps(envelope("{}")))), "Message: an SNS envelope within"),
        (json.dumps([{}] * 10_001), "body: holds more than 10000"),
    ],
)
def test_what_is_refused_says_where_and_why(body: str, reason: str) -> None:
    (item,) = items_of(body)
    assert isinstance(item, Refused)
    assert item.reason.startswith(reason)


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
@settings(deadline=None)
def test_nothing_that_is_sent_raises_and_nothing_is_lost(body: str | bytes) -> None:
    assert items_of(body)

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import StoreUnavailable
from tests.api.conftest import Http, Shop
from tests.api.problems import field_of, problem_of
from tests.builders import raw_purchase

URL = "/v1/purchases"
JSON = {"content-type": "application/json"}


def send(http: Http, *purchases: object) -> dict[str, Any]:
    """The report on purchases of which some are not written."""
    response = http.post(URL, content=json.dumps({"purchases": purchases}), headers=JSON)
    assert response.status_code == 207, response.text
    report: dict[str, Any] = response.json()
    return report


def test_recorded_and_duplicate_purchases_answer_200(http: Http, shop: Shop) -> None:
    body = {"purchases": [raw_purchase(), raw_purchase(purchase_id="2"), raw_purchase()]}
    response = http.post(URL, json=body)
    assert response.status_code == 200
    outcome = {"field": None, "reason": None}
    assert response.json() == {
        "recorded": 2,
        "duplicate": 1,
        "conflict": 0,
        "cancelled": 0,
        "erased": 0,
        "rejected": 0,
        "outcomes": [
            {"position": 0, "outcome": "recorded", "purchase_id": "purchase-1", **outcome},
            {"position": 1, "outcome": "recorded", "purchase_id": "2", **outcome},
            {"position": 2, "outcome": "duplicate", "purchase_id": "purchase-1", **outcome},
        ],
        "cost": {
            "round_trips": 1,
            "read_units": {"measured": 0.0, "computed": 0.0},
            "write_units": {"measured": 0.0, "computed": 8.0},
        },
    }
    assert len(shop.purchases) == 2


def test_a_conflict_answers_207_and_names_the_id(http: Http) -> None:
    report = send(http, raw_purchase(), raw_purchase(amount_minor=1))
    assert (report["recorded"], report["conflict"]) == (1, 1)
    assert report["outcomes"][1]["field"] == "purchase_id"


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (raw_purchase(customer_id=""), "customer_id"),
        (raw_purchase(purchased_at="2026-02-28T12:00:00"), "purchased_at"),
        (raw_purchase(purchased_at="2027-01-01T00:00:00Z"), "purchased_at"),
        (raw_purchase(amount_minor=-1), "amount_minor"),
        (raw_purchase(amount_minor=12.5), "amount_minor"),
        (raw_purchase(amount_minor=10**30), "amount_minor"),
        (raw_purchase(amount_minor=None), "amount_minor"),
        (raw_purchase(currency="EUR"), "currency"),
        (raw_purchase(currency=None), "currency"),
        (raw_purchase(colour="red"), "colour"),
        ("a purchase", "purchase"),
        (None, "purchase"),
        ([[[[]]]], "purchase"),
    ],
)
def test_a_bad_purchase_is_rejected_by_field_and_spoils_no_good_one(
    http: Http, shop: Shop, bad: object, field: str
) -> None:
    report = send(http, raw_purchase(), bad, raw_purchase(purchase_id="2"))
    assert (report["recorded"], report["rejected"]) == (2, 1)
    assert report["outcomes"][1]["field"] == field
    assert len(shop.purchases) == 2


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_json_does_not_have_is_rejected_by_field(
    http: Http, shop: Shop, number: str
) -> None:
    body = json.dumps({"purchases": [raw_purchase(), raw_purchase(amount_minor="@")]})
    response = http.post(URL, content=body.replace('"@"', number), headers=JSON)
    assert response.status_code == 207
    assert response.json()["outcomes"][1]["field"] == "amount_minor"
    assert len(shop.purchases) == 1


@pytest.mark.parametrize("sent", ["NaN", "-Infinity", "12.5", "1E+22", "true"])
def test_a_refusal_quotes_what_was_sent_not_what_python_made_of_it(http: Http, sent: str) -> None:
    body = json.dumps({"purchases": [raw_purchase(customer_id="@")]}).replace('"@"', sent)
    response = http.post(URL, content=body, headers=JSON)
    assert response.json()["outcomes"][0]["reason"].endswith(sent)


@pytest.mark.parametrize("amount", [12, 12.5, "12.50"])
@pytest.mark.parametrize("minor", [None, 1250])
def test_an_amount_in_major_units_is_rejected_with_the_way_out(
    http: Http, amount: object, minor: int | None
) -> None:
    report = send(http, raw_purchase(amount=amount, amount_minor=minor), raw_purchase())
    rejected, recorded = report["outcomes"]
    assert (rejected["outcome"], rejected["purchase_id"]) == ("rejected", "purchase-1")
    assert rejected["field"] == "amount"
    assert "amount_minor" in rejected["reason"]
    assert "currency" in rejected["reason"]
    assert recorded["outcome"] == "recorded"


def test_the_101st_purchase_is_rejected_and_the_others_are_written(http: Http, shop: Shop) -> None:
    many = [raw_purchase(purchase_id=str(number)) for number in range(100)]
    report = send(http, *many, raw_purchase(purchase_id="last"), raw_purchase(amount=1))
    assert (report["recorded"], report["rejected"]) == (100, 2)
    assert [entry["field"] for entry in report["outcomes"][100:]] == ["purchases"] * 2
    assert len(shop.purchases) == 100


def test_more_than_a_thousand_purchases_are_refused_as_a_whole(http: Http, shop: Shop) -> None:
    many = [raw_purchase(purchase_id=str(number)) for number in range(1_000)]
    assert len(send(http, *many)["outcomes"]) == 1_000
    shop.purchases.clear()
    body = json.dumps({"purchases": [*many, 1]})
    members = problem_of(http.post(URL, content=body, headers=JSON), 413, "content-too-large")
    assert [error["field"] for error in members["errors"]] == ["purchases"]
    assert not shop.purchases


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'{"purchases": [', "body"),
        (b'{"purchases": ["\xff"]}', "body"),
        (b"[" * 100_000, "body"),
        (b"9" * 5_000, "body"),
        (b"{}", "purchases"),
        (b'{"purchases": []}', "purchases"),
        (b'{"purchases": {}}', "purchases"),
        (b'{"purchases": null}', "purchases"),
        (b'{"purchase": []}', "purchase"),
        (b'{"purchases": [1], "\\ud800": 1}', "\\ud800"),
    ],
)
def test_an_unreadable_body_is_refused_by_name(http: Http, body: bytes, field: str) -> None:
    assert field_of(http.post(URL, content=body, headers=JSON)) == field


def test_a_body_that_is_not_json_is_refused_with_the_byte(http: Http) -> None:
    response = http.post(URL, content='{"é": tru}'.encode(), headers=JSON)
    members = problem_of(response, 400, "invalid-request")
    assert str(members["detail"]).endswith(" 7")


def test_a_json_name_given_twice_is_refused_and_nothing_is_recorded(http: Http, shop: Shop) -> None:
    body = json.dumps({"purchases": [raw_purchase()]})
    repeated = body.replace('"amount_minor"', '"amount_minor": -1, "amount_minor"')
    assert field_of(http.post(URL, content=repeated, headers=JSON)) == "amount_minor"
    assert not shop.purchases


def test_a_lone_surrogate_is_rejected_by_field(http: Http) -> None:
    report = send(http, raw_purchase(purchase_id="\ud800"), raw_purchase(**{"\udfff": 1}))
    first, second = report["outcomes"]
    assert (first["purchase_id"], first["field"]) == ("\\ud800", "purchase_id")
    assert second["field"] == "\\udfff"


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
def test_another_media_type_is_refused(http: Http, shop: Shop, media_type: str) -> None:
    body = json.dumps({"purchases": [raw_purchase()]})
    response = http.post(URL, content=body, headers={"content-type": media_type})
    problem_of(response, 415, "unsupported-media-type")
    assert response.headers["accept"] == (
        "application/json, application/x-ndjson, "
        "application/cloudevents+json, application/cloudevents-batch+json"
    )
    assert not shop.purchases


def test_the_media_type_may_carry_a_charset(http: Http) -> None:
    body = json.dumps({"purchases": [raw_purchase()]})
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert http.post(URL, content=body, headers=headers).status_code == 200


def test_a_body_of_more_than_a_megabyte_is_refused(http: Http, shop: Shop) -> None:
    body = json.dumps({"purchases": [raw_purchase()]}).ljust(1_000_001)
    problem_of(http.post(URL, content=body, headers=JSON), 413, "content-too-large")
    assert http.post(URL, content=body[:-1], headers=JSON).status_code == 200
    assert len(shop.purchases) == 1


def test_unanswered_purchases_are_named_and_can_be_sent_again(http: Http, shop: Shop) -> None:
    shop.trouble_of["silent"] = StoreUnavailable("throttled")
    body = {
        "purchases": [
            raw_purchase(),
            raw_purchase(customer_id="silent"),
            raw_purchase(amount=1),
            raw_purchase(category=""),
        ]
    }
    members = problem_of(http.post(URL, json=body), 503, "partly-recorded")
    recorded, unanswered, in_major_units, rejected = members["outcomes"]
    assert recorded["outcome"] == "recorded"
    assert unanswered is None
    assert (in_major_units["position"], in_major_units["field"]) == (2, "amount")
    assert rejected["field"] == "category"
    shop.trouble_of.clear()
    again = http.post(URL, json=body).json()
    assert [entry["outcome"] for entry in again["outcomes"][:2]] == ["duplicate", "recorded"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
almost_purchases = st.fixed_dictionaries(
    {}, optional=dict.fromkeys([*raw_purchase(), "amount", "x"], anything)
).map(lambda fields: raw_purchase() | fields)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(purchases=st.lists(anything | almost_purchases, min_size=1, max_size=4))
def test_whatever_is_sent_every_purchase_has_one_outcome(
    http: Http, purchases: list[object]
) -> None:
    response = http.post(URL, content=json.dumps({"purchases": purchases}), headers=JSON)
    assert response.status_code in {200, 207}
    report = response.json()
    assert [entry["position"] for entry in report["outcomes"]] == list(range(len(purchases)))
    counted = [report[kind] for kind in ("recorded", "duplicate", "conflict", "rejected")]
    assert sum(counted) == len(purchases)

"""Refunds over HTTP: from their instant on, features see what is left."""

import json

import pytest

from domain.errors import StoreUnavailable
from domain.values import instant
from tests.api.conftest import Http, Shop
from tests.api.problems import field_of, problem_of
from tests.builders import NOW, a_purchase, raw_of

URL = "/v1/refunds"
PURCHASE = raw_of(a_purchase(amount_minor=1_000))
REFUND: dict[str, object] = {
    "customer_id": "customer-1",
    "purchase_id": "purchase-1",
    "refund_id": "r-1",
    "refunded_at": instant.render(NOW - 60),
    "amount_minor": 400,
    "currency": "USD",
}


def volume(http: Http, **query: str) -> object:
    answer = http.get("/v1/customers/customer-1/propensity", params=query).json()
    return answer["features"]["total_purchase_volume_30d"]


def outcome(http: Http, **changes: object) -> object:
    answer = http.post(URL, json=REFUND | changes)
    assert answer.status_code == 200
    assert answer.json()["cost"]["round_trips"] >= 1
    return answer.json()["outcome"]


def test_a_refund_counts_from_its_instant_on(http: Http) -> None:
    http.post("/v1/purchases", json={"purchases": [PURCHASE]})
    assert outcome(http) == "recorded"
    assert outcome(http) == "duplicate"
    assert volume(http) == 6.0
    assert volume(http, as_of=instant.render(NOW - 60)) == 6.0
    assert volume(http, as_of=instant.render(NOW - 61)) == 10.0


def test_a_refund_in_full_leaves_nothing_that_counts(http: Http) -> None:
    http.post("/v1/purchases", json={"purchases": [PURCHASE]})
    assert outcome(http, amount_minor=1_000) == "recorded"
    assert volume(http) == 0


def test_a_refund_may_arrive_first(http: Http) -> None:
    assert outcome(http) == "waiting"
    assert http.post("/v1/purchases", json={"purchases": [PURCHASE]}).json()["recorded"] == 1
    assert volume(http) == 6.0


def test_a_cancelled_purchase_cannot_be_refunded(http: Http) -> None:
    ids = {"customer_id": "customer-1", "purchase_id": "purchase-1"}
    http.post("/v1/cancellations", json=ids)
    assert outcome(http) == "cancelled"


@pytest.mark.parametrize(
    "changes", [{"amount_minor": 399}, {"refund_id": "r-2", "amount_minor": 601}]
)
def test_what_clashes_with_what_is_stored_is_a_conflict(
    http: Http, changes: dict[str, object]
) -> None:
    http.post("/v1/purchases", json={"purchases": [PURCHASE]})
    assert outcome(http) == "recorded"
    problem_of(http.post(URL, json=REFUND | changes), 409, "conflict")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, " ") for name in ("customer_id", "purchase_id", "refund_id")),
        ("refunded_at", "2026-01-01"),
        ("refunded_at", "2027-01-01T00:00:00Z"),
        ("amount_minor", "5"),
        ("currency", "EUR"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_field(http: Http, field: str, value: object) -> None:
    assert field_of(http.post(URL, json=REFUND | {field: value})) == field


@pytest.mark.parametrize("changes", [{"amount_minor": 0}, {"amount_minor": -5}, {"colour": "red"}])
def test_what_no_refund_holds_is_refused(http: Http, changes: dict[str, object]) -> None:
    assert http.post(URL, json=REFUND | changes).status_code == 400


def test_a_name_given_twice_is_refused_by_name(http: Http) -> None:
    body = '{"customer_id": "someone-else", ' + json.dumps(REFUND)[1:]
    headers = {"Content-Type": "application/json"}
    assert field_of(http.post(URL, content=body, headers=headers)) == "customer_id"


def test_a_silent_store_is_told(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("no answer")
    problem_of(http.post(URL, json=REFUND), 503, "store-unavailable")

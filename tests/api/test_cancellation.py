"""Cancellations over HTTP: idempotent, and final in whatever order they come."""

from domain.errors import StoreUnavailable
from tests.api.conftest import Http, Shop
from tests.api.problems import field_of, problem_of
from tests.builders import a_purchase, raw_of

URL = "/v1/cancellations"
WHICH = {"customer_id": "customer-1", "purchase_id": "a/b"}
PURCHASE = raw_of(a_purchase(purchase_id="a/b"))


def record(http: Http) -> dict[str, object]:
    answer: dict[str, object] = http.post("/v1/purchases", json={"purchases": [PURCHASE]}).json()
    return answer


def test_a_cancelled_purchase_counts_no_more_and_stays_cancelled(http: Http) -> None:
    assert record(http)["recorded"] == 1
    answer = http.post(URL, json=WHICH)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "cancelled")
    assert answer.json()["cost"]["round_trips"] == 1
    assert http.post(URL, json=WHICH).json()["outcome"] == "already_cancelled"
    assert http.get("/v1/customers/customer-1/propensity").json()["history"] == "empty"
    again = http.post("/v1/purchases", json={"purchases": [PURCHASE]})
    assert (again.status_code, again.json()["cancelled"]) == (207, 1)
    (outcome,) = again.json()["outcomes"]
    assert (outcome["outcome"], outcome["field"]) == ("cancelled", "purchase_id")
    assert outcome["reason"]


def test_a_cancellation_may_arrive_first(http: Http) -> None:
    assert http.post(URL, json=WHICH).json()["outcome"] == "cancelled"
    assert record(http)["cancelled"] == 1


def test_ids_that_no_purchase_has_are_refused(http: Http) -> None:
    for field in WHICH:
        for nothing in (" ", ".", "..", "x" * 300):
            assert field_of(http.post(URL, json=WHICH | {field: nothing})) == field
    assert field_of(http.post(URL + "?force=1", json=WHICH)) == "force"


def test_a_silent_store_is_told(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("no answer")
    problem_of(http.post(URL, json=WHICH), 503, "store-unavailable")

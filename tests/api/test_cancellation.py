"""Cancellations over HTTP: idempotent, and final in whatever order they come."""

from domain.errors import StoreUnavailable
from tests.api.conftest import Http, Shop
from tests.api.problems import field_of, problem_of
from tests.builders import a_purchase, raw_of

URL = "/v1/customers/customer-1/purchases/a%2Fb"
PURCHASE = raw_of(a_purchase(purchase_id="a/b"))


def record(http: Http) -> dict[str, object]:
    answer: dict[str, object] = http.post("/v1/purchases", json={"purchases": [PURCHASE]}).json()
    return answer


def test_a_cancelled_purchase_counts_no_more_and_stays_cancelled(http: Http) -> None:
    assert record(http)["recorded"] == 1
    answer = http.delete(URL)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "cancelled")
    assert answer.json()["cost"]["round_trips"] == 1
    assert http.delete(URL).json()["outcome"] == "already_cancelled"
    assert http.get("/v1/customers/customer-1/propensity").json()["history"] == "empty"
    again = http.post("/v1/purchases", json={"purchases": [PURCHASE]})
    assert (again.status_code, again.json()["cancelled"]) == (207, 1)
    (outcome,) = again.json()["outcomes"]
    assert (outcome["outcome"], outcome["field"]) == ("cancelled", "purchase_id")
    assert outcome["reason"]


def test_a_cancellation_may_arrive_first(http: Http) -> None:
    assert http.delete(URL).json()["outcome"] == "cancelled"
    assert record(http)["cancelled"] == 1


def test_ids_that_no_purchase_has_are_refused(http: Http) -> None:
    assert field_of(http.delete("/v1/customers/%20/purchases/p")) == "customer_id"
    assert field_of(http.delete("/v1/customers/c/purchases/" + "x" * 300)) == "purchase_id"
    assert field_of(http.delete(URL + "?force=1")) == "force"


def test_a_silent_store_is_told(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("no answer")
    problem_of(http.delete(URL), 503, "store-unavailable")

"""Erasures over HTTP: one receipt, and what comes afterwards is refused for a while."""

import json

from domain.errors import StoreUnavailable
from domain.values import instant
from tests.api.conftest import Http, Shop
from tests.api.problems import field_of, problem_of
from tests.builders import DAY, NOW, a_purchase, raw_of

URL = "/v1/customers/customer%2F1"
WHO = {"customer_id": "customer/1"}
PURCHASE = raw_of(a_purchase(customer_id="customer/1"))
BODY = {"purchases": [PURCHASE]}


def test_an_erased_customer_has_a_receipt_that_does_not_name_them(http: Http) -> None:
    http.post("/v1/purchases", json=BODY)
    http.post("/v1/cancellations", json=WHO | {"purchase_id": "another"})
    answer = http.post("/v1/erasures", json=WHO)
    assert answer.status_code == 200
    assert "customer/1" not in answer.text
    receipt = answer.json()
    assert receipt.pop("cost")["round_trips"] == 1
    assert receipt == {
        "complete": True,
        "erased_at": instant.render(NOW),
        "suppressed_until": instant.render(NOW + 30 * DAY),
        "purchases": 1,
        "cancelled": 1,
        "recent_purchases": 1,
        "refunds_waiting": 0,
        "logged_decisions": "none",
        "campaigns": "none",
    }
    again = http.post("/v1/erasures", json=WHO).json()
    assert (again["complete"], again["purchases"]) == (True, 0)
    assert http.get(f"{URL}/propensity").json()["history"] == "empty"


def test_what_comes_during_the_suppression_is_erased_in_every_form(http: Http, shop: Shop) -> None:
    http.post("/v1/erasures", json=WHO)
    answer = http.post("/v1/purchases", json=BODY)
    assert (answer.status_code, answer.json()["erased"]) == (207, 1)
    (outcome,) = answer.json()["outcomes"]
    assert (outcome["outcome"], outcome["field"]) == ("erased", "customer_id")
    assert outcome["reason"]
    assert (
        http.post("/v1/cancellations", json=WHO | {"purchase_id": "p"}).json()["outcome"]
        == "erased"
    )
    cancellation = {"cancelled": {"customer_id": "customer/1", "purchase_id": "p"}}
    lines = "\n".join(json.dumps(each) for each in (PURCHASE, cancellation))
    ndjson = {"content-type": "application/x-ndjson"}
    streamed = http.post("/v1/purchases", content=lines, headers=ndjson).text.splitlines()
    assert [json.loads(line).get("outcome") for line in streamed] == ["erased", "erased", None]
    assert json.loads(streamed[-1])["summary"]["erased"] == 2
    shop.clock.now = NOW + 30 * DAY
    assert http.post("/v1/purchases", json=BODY).json()["recorded"] == 1


def test_an_erasure_that_could_not_finish_says_so(http: Http, shop: Shop) -> None:
    http.post("/v1/purchases", json=BODY)
    shop.interrupted = True
    answer = http.post("/v1/erasures", json=WHO)
    assert answer.status_code == 202
    assert (answer.headers["location"], answer.headers["retry-after"]) == ("/v1/erasures", "1")
    assert (answer.json()["complete"], answer.json()["suppressed_until"]) == (False, None)
    shop.interrupted = False
    assert http.post("/v1/erasures", json=WHO).json()["purchases"] == 1


def test_what_is_no_customer_is_refused_and_a_silent_store_is_told(http: Http, shop: Shop) -> None:
    for nobody in (" ", ".", "..", ""):
        answer = http.post("/v1/erasures", json={"customer_id": nobody})
        assert field_of(answer) == "customer_id"
    assert field_of(http.post("/v1/erasures?force=1", json=WHO)) == "force"
    bodies: tuple[object, ...] = ({}, WHO | {"force": True}, [], {"customer_id": 1})
    for body in bodies:
        problem_of(http.post("/v1/erasures", json=body), 400, "bad-request")
    shop.trouble = StoreUnavailable("no answer")
    problem_of(http.post("/v1/erasures", json=WHO), 503, "store-unavailable")

"""Answers that are logged: which ones, under which id, and what is said of them."""

from dataclasses import replace
from uuid import UUID

import pytest

from adapters.decision_log.erasing import MarkedDecisionEraser
from adapters.decision_log.places import ERASURES
from adapters.decision_log.pseudonyms import Pseudonyms
from domain.decision_log import instant_of
from domain.decisions import Flag
from domain.errors import StoreUnavailable
from tests.api.conftest import BROWSER, Http, Shop, client_of
from tests.builders import DAY, NOW, a_policy, a_purchase, raw_of
from tests.doubles.memory import MemoryPlace

PROPENSITY = "/v1/customers/customer-1/propensity"
FLAGS = "/ofrep/v1/evaluate/flags"
CONTEXT = {"context": {"targetingKey": "customer-1"}}


@pytest.fixture
def logging_shop(shop: Shop) -> Shop:
    """A shop that logs every answer, with a banner and a flag that holds nearly everybody out."""
    shop.log_shares = {"propensity": 10_000, "flags": 10_000}
    held = replace(Flag.banner(a_policy()), key="held", holdout=9_999)
    shop.flags = [Flag.banner(a_policy()), held]
    return shop


def test_an_answer_that_is_logged_has_an_id_of_its_instant(logging_shop: Shop) -> None:
    with client_of(logging_shop) as http:
        http.post("/v1/purchases", json={"purchases": [raw_of(a_purchase())]})
        answer = http.get(PROPENSITY).json()
        (logged,) = logging_shop.logged
        assert answer["decision_id"] == logged.decision_id
        assert UUID(logged.decision_id).version == 7
        assert instant_of(logged.decision_id) == logged.as_of == NOW
        assert logged.route == "/v1/customers/{customer_id}/propensity"
        scored = logged.logged().scored
        assert scored is not None
        assert (scored.probability, dict(answer["features"])) == (
            answer["probability"],
            dict(zip(answer["features"], scored.features, strict=True)),
        )
        assert (scored.model, scored.version) == (
            answer["model"]["name"],
            answer["model"]["version"],
        )
        assert (logged.flag, logged.acted) == (None, answer["decision"]["show"])


def test_a_question_about_the_past_is_no_decision_and_a_head_tells_nobody(
    logging_shop: Shop,
) -> None:
    with client_of(logging_shop) as http:
        past = http.get(PROPENSITY, params={"as_of": "2026-02-01T00:00:00Z"})
        assert past.json()["decision_id"] is None
        assert http.head(PROPENSITY).status_code == 200
        assert http.get(PROPENSITY, params={"explain": "true"}).status_code == 400
    assert logging_shop.logged == []


def test_where_nothing_is_logged_nothing_has_an_id(http: Http, shop: Shop) -> None:
    assert http.get(PROPENSITY).json()["decision_id"] is None
    assert "metadata" not in http.post(f"{FLAGS}/promotion-banner", json=CONTEXT).json()
    assert shop.logged == []


def test_where_there_is_no_room_the_answer_has_no_id(logging_shop: Shop) -> None:
    logging_shop.log_is_full = True
    with client_of(logging_shop) as http:
        answer = http.get(PROPENSITY)
    assert (answer.status_code, answer.json()["decision_id"]) == (200, None)


def test_each_flag_is_a_decision_of_its_own(logging_shop: Shop) -> None:
    with client_of(logging_shop) as http:
        found = http.post(FLAGS, json=CONTEXT).json()["flags"]
    banner, held = logging_shop.logged
    assert [each["metadata"]["decisionId"] for each in found] == [
        banner.decision_id,
        held.decision_id,
    ]
    assert [each["variant"] for each in found] == [banner.variant, held.variant] == ["off", "off"]
    assert (banner.held_out, held.held_out) == (False, True)
    assert banner.logged().scored is not None
    assert held.logged().scored is None
    assert {each.route for each in (banner, held)} == {FLAGS}


def test_a_share_of_a_flag_goes_before_that_of_all(logging_shop: Shop) -> None:
    logging_shop.flags = [replace(Flag.banner(a_policy()), log=0)]
    with client_of(logging_shop) as http:
        assert "metadata" not in http.post(f"{FLAGS}/promotion-banner", json=CONTEXT).json()
    assert logging_shop.logged == []


def test_a_propensity_that_could_not_be_had_is_logged_as_such(logging_shop: Shop) -> None:
    logging_shop.flags = [Flag.banner(a_policy())]
    logging_shop.trouble = StoreUnavailable("down")
    with client_of(logging_shop) as http:
        answer = http.post(f"{FLAGS}/promotion-banner", json=CONTEXT).json()
    (logged,) = logging_shop.logged
    assert answer["metadata"] == {"cause": "unavailable", "decisionId": logged.decision_id}
    assert (logged.logged().scored, logged.held_out, logged.acted) == (None, False, False)
    assert (logged.route, logged.as_of) == (FLAGS + "/{key}", NOW)


def test_who_is_told_nothing_new_keeps_the_ids_that_they_have(logging_shop: Shop) -> None:
    with client_of(logging_shop) as http:
        first = http.post(FLAGS, json=CONTEXT)
        etag = {"if-none-match": first.headers["etag"]}
        assert http.post(FLAGS, json=CONTEXT, headers=etag).status_code == 304
        assert len(logging_shop.logged) == 2
        other = {"context": {"targetingKey": "customer-2"}}
        assert http.post(FLAGS, json=other, headers=etag).status_code == 200
    assert [each.customer_id for each in logging_shop.logged] == ["customer-1"] * 2 + [
        "customer-2"
    ] * 2


def test_a_decision_about_nobody_is_not_logged(logging_shop: Shop) -> None:
    with client_of(logging_shop) as http:
        http.headers.pop("authorization")
        answer = http.post(f"{FLAGS}/promotion-banner", json={"context": {}}, headers=BROWSER)
    assert answer.json()["metadata"] == {"cause": "anonymous"}
    assert logging_shop.logged == []


def test_an_erasure_reaches_the_log_before_anything_else(shop: Shop) -> None:
    place = MemoryPlace()
    shop.decision_eraser = MarkedDecisionEraser(place, Pseudonyms([bytes(range(32))]))
    with client_of(shop) as http:
        receipt = http.post("/v1/erasures", json={"customer_id": "customer-1"}).json()
        assert receipt["logged_decisions"] == "hidden"
        assert len(place.keys(ERASURES)) == 2

        shop.interrupted = True
        shop.clock.now += DAY
        http.post("/v1/erasures", json={"customer_id": "customer-1"})
        assert len(place.keys(ERASURES)) == 3  # this erasure goes on


def test_an_erasure_whose_log_fails_erases_nothing(shop: Shop) -> None:
    class Broken(MemoryPlace):
        def put_if_absent(self, key: str, content: bytes, /) -> bool:
            raise StoreUnavailable(f"no place for {len(content)} bytes at {key}")

    shop.decision_eraser = MarkedDecisionEraser(Broken(), Pseudonyms([bytes(range(32))]))
    with client_of(shop) as http:
        http.post("/v1/purchases", json={"purchases": [raw_of(a_purchase())]})
        answer = http.post("/v1/erasures", json={"customer_id": "customer-1"})
        assert answer.status_code == 503
        assert http.get(PROPENSITY).json()["purchases_read"] == 1

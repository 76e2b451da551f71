"""Customers in the console: found, looked at, handed their records, erased."""

import json
from dataclasses import replace
from html import unescape
from typing import Any, cast

import pytest
from litestar.testing import TestClient

from api.http.access import Access
from domain.audit import Act
from domain.decisions import Flag, TopShare
from domain.errors import StoreUnavailable
from domain.keys import Scope
from domain.purchases import Purchase, Refund
from tests.api.conftest import EVERYTHING, Shop
from tests.builders import DAY, NOW, a_policy, a_purchase
from tests.console.conftest import EVERY_KEY, ORIGIN, Person, console_over, holder_of

WHO = "customer/1"
PAGE = "/console/customers/customer%2F1"
HOSTILE = '"><script>alert(1)</script>'


def bought(shop: Shop, *purchases: Purchase) -> None:
    for purchase in purchases:
        shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase


def twin(person: Person, path: str) -> Any:
    answer = person.http.get(f"{path}?format=json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def acts(shop: Shop) -> list[Act]:
    return [each.act for each in shop.audit_log.entries(since=0, until=NOW + DAY)]


def test_a_customer_is_found_by_id_and_nobody_is_listed(person: Person, shop: Shop) -> None:
    bought(shop, a_purchase(customer_id=WHO))
    page = person.get("/console/customers")
    assert page.status_code == 200
    assert WHO not in page.text
    found = person.http.get(
        "/console/customers", params={"customer": f" {WHO} "}, follow_redirects=False
    )
    assert (found.status_code, found.headers["location"]) == (303, PAGE)


def test_what_is_no_id_comes_back_as_it_was_typed(person: Person) -> None:
    page = person.http.get("/console/customers", params={"customer": "\u202e" + HOSTILE})
    assert page.status_code == 400
    assert HOSTILE not in page.text
    assert HOSTILE in unescape(page.text)
    assert 'role="alert"' in page.text


def test_the_page_says_what_they_bought_how_likely_they_are_and_what_is_decided(
    person: Person, shop: Shop
) -> None:
    bought(
        shop,
        a_purchase(customer_id=WHO, category="jewellery", amount_minor=9_950),
        replace(
            a_purchase(customer_id=WHO, purchase_id="p2", purchased_at=NOW - 40 * DAY),
            refunds=(Refund(NOW - DAY, "r", 250),),
        ),
    )
    page = person.get(PAGE)
    assert page.status_code == 200
    text = unescape(page.text)
    for words in ("99.50 USD", "109.50 USD", "jewellery", "promotion-banner", "30 days"):
        assert words in text
    document = twin(person, PAGE)
    assert (document["state"], document["partial"]) == ("bought", False)
    assert [each["purchase_id"] for each in document["purchases"]] == ["purchase-1", "p2"]
    assert document["purchases"][1]["refunded_minor"] == 250
    assert document["totals"]["volume_minor"] == 9_950 + 1_250 - 250
    score = document["score"]
    assert score["windows"] == [30]
    assert [each["value"] for each in score["features"]] == [99.5]
    api = person.http.get("/v1/customers/customer%2F1/propensity", headers=EVERYTHING)
    assert score["probability"] == api.json()["probability"]
    assert document["flags"][0]["probability"] == score["probability"]


def test_looking_is_no_decision(person: Person, shop: Shop) -> None:
    shop.log_shares = {"propensity": 10_000, "flags": 10_000}
    bought(shop, a_purchase(customer_id=WHO))
    person.get(PAGE)
    assert shop.logged == []


def test_of_very_many_purchases_the_newest_are_shown_and_the_page_says_so(
    person: Person, shop: Shop
) -> None:
    bought(
        shop,
        *(
            a_purchase(customer_id=WHO, purchase_id=f"p{n:04}", purchased_at=NOW - n * DAY // 20)
            for n in range(900)
        ),
    )
    document = twin(person, PAGE)
    assert document["partial"]
    assert [each["purchase_id"] for each in document["purchases"]] == [
        f"p{n:04}" for n in range(200)
    ]
    assert document["totals"]["purchases"] == 900
    assert "older ones are not shown" in person.get(PAGE).text
    looked_back_to = min(cast("int", call.given[0]) for call in shop.calls_of("between"))
    assert looked_back_to == NOW - 30 * DAY, "who buys very much is not read to the beginning"


def test_unknown_without_purchases_erased_and_unread_are_told_apart(
    person: Person, shop: Shop
) -> None:
    assert twin(person, PAGE)["state"] == "unknown"
    shop.cancelled[WHO, "p"] = NOW
    assert twin(person, PAGE)["state"] == "nothing"
    shop.suppressed_until[WHO] = NOW + DAY
    assert twin(person, PAGE)["state"] == "erased"
    shop.trouble_of[WHO] = StoreUnavailable("no answer")
    answer = person.get(PAGE)
    assert answer.status_code == 503
    assert "no answer" in answer.text.lower()


def test_a_page_without_a_live_model_shows_the_purchases_and_says_why(
    person: Person, shop: Shop
) -> None:
    bought(shop, a_purchase(customer_id=WHO))
    shop.live = False
    document = twin(person, PAGE)
    assert document["score"] is None
    assert "promote" in document["unscored"]
    assert len(document["purchases"]) == 1
    assert document["flags"][0]["variant"] == "off"
    assert person.get(PAGE).status_code == 200


def test_another_model_may_be_asked_and_one_that_does_not_serve_is_told(
    person: Person, shop: Shop
) -> None:
    bought(shop, a_purchase(customer_id=WHO))
    document = person.http.get(PAGE, params={"format": "json", "model": "nobody"}).json()
    assert document["score"] is None
    assert "nobody" in document["unscored"]
    page = person.http.get(PAGE, params={"model": HOSTILE})
    assert page.status_code == 200
    assert HOSTILE not in page.text


def test_who_is_held_out_is_told_for_each_flag(shop: Shop) -> None:
    shop.access = Access(keyring=shop.keyring)
    held = Flag(
        key="gift",
        policy=TopShare(3_000),
        variants={"on": True, "off": False},
        act="on",
        default="off",
        holdout=9_999,
    )
    shop.flags[:] = [Flag.banner(a_policy()), held]
    with TestClient(console_over(shop), base_url=ORIGIN) as http:
        person = Person(http)
        person.sign_in(EVERY_KEY)
        flags = {each["flag"]: each for each in twin(person, PAGE)["flags"]}
    assert flags["gift"]["held_out"]
    assert not flags["gift"]["acts"]
    assert "held out" in flags["gift"]["why"]
    assert not flags["promotion-banner"]["held_out"]


def test_an_export_is_the_file_of_the_command_and_is_audited(person: Person, shop: Shop) -> None:
    bought(shop, a_purchase(customer_id=WHO))
    answer = person.do(f"{PAGE}/export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert WHO not in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    document = json.loads(answer.text)
    assert document["customer_id"] == WHO
    assert [each["purchase_id"] for each in document["purchases"]] == ["purchase-1"]
    assert acts(shop) == [Act.EXPORT]


def test_an_erasure_needs_the_id_typed(person: Person, shop: Shop) -> None:
    bought(shop, a_purchase(customer_id=WHO))
    assert "cannot be undone" in person.get(f"{PAGE}/erase").text
    for typed in ("", "customer/2"):
        refused = person.do(f"{PAGE}/erase", typed=typed)
        assert refused.status_code == 400
        assert "Nothing was erased" in refused.text
    assert shop.purchases
    assert acts(shop) == []
    erased = person.do(f"{PAGE}/erase", typed=WHO)
    assert (erased.status_code, erased.headers["location"]) == (303, PAGE)
    page = person.get(PAGE)
    assert "Erased for good: 1 purchase" in page.text
    assert twin(person, PAGE)["state"] == "erased"
    assert acts(shop) == [Act.ERASE]


def test_an_erasure_that_is_not_finished_goes_on(person: Person, shop: Shop) -> None:
    bought(shop, a_purchase(customer_id=WHO))
    person.get(PAGE)
    shop.interrupted = True
    begun = person.do(f"{PAGE}/erase", typed=WHO)
    assert begun.status_code == 202
    assert f'name="typed" value="{WHO}"' in begun.text
    shop.interrupted = False
    assert person.do(f"{PAGE}/erase", typed=WHO).status_code == 303
    assert not shop.purchases


def test_who_may_only_look_sees_no_act(stranger: Person, shop: Shop) -> None:
    bought(shop, a_purchase(customer_id=WHO))
    looking = holder_of(stranger, Scope.CUSTOMERS_READ)
    page = looking.get(PAGE)
    assert page.status_code == 200
    for path in ("/erase", "/export", "/campaigns"):
        assert f"{PAGE}{path}" not in page.text
    assert looking.do(f"{PAGE}/export").status_code == 403
    assert looking.do(f"{PAGE}/erase", typed=WHO).status_code == 403


@pytest.mark.parametrize("text", [HOSTILE, "'; DROP", "{{7*7}}", "a&b=c", "é/ü?#"])
def test_hostile_ids_and_categories_are_text(person: Person, shop: Shop, text: str) -> None:
    bought(shop, a_purchase(customer_id=text, category=text, purchase_id=text))
    found = person.http.get("/console/customers", params={"customer": text}, follow_redirects=False)
    page = person.get(found.headers["location"])
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert unescape(page.text).count(text) >= 3
    assert person.do(f"{found.headers['location']}/erase", typed=text).status_code == 303

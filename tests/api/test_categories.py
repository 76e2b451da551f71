import base64
import re
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from api.http.negotiation import negotiated
from domain.errors import StoreUnavailable
from domain.values import MICROS_PER_SECOND, instant
from tests.api.conftest import CURSOR_TTL_S, Http, Shop, app_over
from tests.api.problems import field_of, problem_of
from tests.builders import DAY, NOW, a_purchase

URL = "/v1/categories/jewellery/propensities"
CUSTOMERS = [f"customer-{number:02}" for number in range(23)]


def buy(shop: Shop, customer_id: str, *, amount_minor: int = 300, days_ago: int = 1) -> None:
    purchase = a_purchase(
        customer_id=customer_id,
        category="jewellery",
        amount_minor=amount_minor,
        purchased_at=NOW - days_ago * DAY,
    )
    shop.purchases[customer_id, "purchase-1"] = purchase


@pytest.fixture
def shop() -> Shop:
    """A shop with a jewellery of 23 customers; every third bought too long ago to count."""
    shop = Shop()
    for number, customer_id in enumerate(CUSTOMERS):
        buy(shop, customer_id, amount_minor=17 * number, days_ago=1 if number % 3 else 90)
    return shop


def pages(http: Http, **params: str | float) -> list[dict[str, Any]]:
    """Every page of one sequence, asked for as a client would."""
    found = [http.get(URL, params=params).json()]
    while (cursor := found[-1]["next_cursor"]) is not None:
        found.append(http.get(URL, params={**params, "cursor": cursor}).json())
    return found


def ids(pages: list[dict[str, Any]]) -> list[str]:
    return [member["customer_id"] for page in pages for member in page["members"]]


def test_the_categories_are_listed_with_their_customers(http: Http, shop: Shop) -> None:
    shop.purchases["c", "p"] = a_purchase(customer_id="c", purchase_id="p", category="grocery")
    assert http.get("/v1/categories").json() == {
        "categories": [
            {"category": "grocery", "approximate_customers": 1},
            {"category": "jewellery", "approximate_customers": 23},
        ]
    }


def test_the_list_of_categories_takes_no_parameters(http: Http) -> None:
    assert field_of(http.get("/v1/categories?limit=1")) == "limit"


def test_a_silent_store_lists_no_categories(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("categories: no answer")
    problem_of(http.get("/v1/categories"), 503, "store-unavailable")


def test_a_page_explains_itself(http: Http, shop: Shop) -> None:
    shop.purchases.clear()
    buy(shop, "customer-1")
    response = http.get(URL)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept"
    page = response.json()
    assert page == {
        "category": "jewellery",
        "as_of": "2026-03-01T12:00:00Z",
        "members": [{"customer_id": "customer-1", "probability": 0.75, "arm": "champion"}],
        "next_cursor": None,
        "summary": {
            "scored": 1,
            "round_trips": 5,
            "read_units": {"measured": 2.5, "computed": 0.0},
            "write_units": {"measured": 0.0, "computed": 0.0},
        },
        "models": [{"name": "propensity", "version": 7, "revision": 1, "arm": "champion"}],
    }


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/csv"])
def test_a_mistyped_category_is_not_taken_for_one_without_customers(
    http: Http, accept: str
) -> None:
    response = http.get("/v1/categories/jewelry/propensities", headers={"accept": accept})
    assert response.status_code == 404
    detail = response.json()["detail"]
    assert {"'jewelry';", "jewellery"} <= set(detail.split())


def test_pages_have_no_way_to_choose(http: Http) -> None:
    response = http.get(URL, params={"way": "scan"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "way"


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 22, 23, 24, 1_000])
def test_pages_of_any_size_name_everybody_once(http: Http, limit: int) -> None:
    found = pages(http, limit=limit)
    assert sorted(ids(found)) == CUSTOMERS
    assert all(len(page["members"]) <= limit for page in found)
    assert len({page["as_of"] for page in found}) == 1


def test_a_page_holds_a_hundred_members_unless_told_otherwise(http: Http, shop: Shop) -> None:
    for number in range(101):
        buy(shop, f"another-{number}")
    assert [len(page["members"]) for page in pages(http)] == [100, 24]


def test_the_limit_may_change_between_pages(http: Http) -> None:
    first = http.get(URL, params={"limit": 2}).json()
    rest = http.get(URL, params={"limit": 500, "cursor": first["next_cursor"]}).json()
    assert sorted(ids([first, rest])) == CUSTOMERS


def test_purchases_between_pages_neither_repeat_nor_lose_a_member(http: Http, shop: Shop) -> None:
    before = {m["customer_id"]: m for page in pages(http) for m in page["members"]}
    found = [http.get(URL, params={"limit": 1}).json()]
    while (cursor := found[-1]["next_cursor"]) is not None:
        shop.clock.now += MICROS_PER_SECOND
        number = len(found)
        for customer_id in (CUSTOMERS[-number % 23], f"newcomer-{number}", f"a-{number}"):
            shop.purchases[customer_id, f"new-{number}"] = a_purchase(
                customer_id=customer_id,
                purchase_id=f"new-{number}",
                category="jewellery",
                purchased_at=shop.clock.now,
            )
        found.append(http.get(URL, params={"limit": 1, "cursor": cursor}).json())
    listed = ids(found)
    assert len(listed) == len(set(listed))
    assert set(listed) >= set(CUSTOMERS)
    assert {page["as_of"] for page in found} == {instant.render(NOW)}
    members = [member for page in found for member in page["members"]]
    assert [m for m in members if m["customer_id"] in before] == [
        before[m["customer_id"]] for m in members if m["customer_id"] in before
    ]


def test_the_pages_of_a_past_instant_stay_at_it(http: Http) -> None:
    past = "2026-02-28T10:00:00Z"
    found = pages(http, as_of=past, limit=4)
    assert {page["as_of"] for page in found} == {past}
    assert {m["probability"] for page in found for m in page["members"]} == {0.0}


def test_only_the_probabilities_asked_for_are_listed(http: Http) -> None:
    everybody = [m for page in pages(http) for m in page["members"]]
    probabilities = sorted({m["probability"] for m in everybody})
    low, high = probabilities[3], probabilities[-3]
    found = pages(http, min_probability=low, max_probability=high, limit=4)
    assert [m for page in found for m in page["members"]] == [
        m for m in everybody if low <= m["probability"] <= high
    ]
    assert sum(page["summary"]["scored"] for page in found) == len(CUSTOMERS)


def test_a_page_may_be_empty_before_the_last_one(http: Http) -> None:
    found = pages(http, min_probability="1e-300", max_probability="1e-30", limit=10)
    assert [page["members"] for page in found] == [[], [], []]


def test_a_page_of_whom_nobody_can_be_read_in_time_may_be_asked_for_again(
    http: Http, shop: Shop
) -> None:
    first = http.get(URL, params={"limit": 4}).json()
    following = {"cursor": first["next_cursor"], "limit": 100}
    shop.trouble_of["customer-05"] = StoreUnavailable("throttled")
    shop.trouble_of["customer-06"] = StoreUnavailable("throttled")
    problem_of(http.get(URL, params=following), 503, "store-unavailable")
    shop.trouble_of.clear()
    assert sorted(ids([first, http.get(URL, params=following).json()])) == CUSTOMERS


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limt": "5"}, "limt"),
        ({"limit": "5", "sort": "x", "page": "2"}, "page, sort"),
        ({"limit": ["5", "5"]}, "limit"),
        ({"cursor": ["a", "b"], "as_of": ["c", "d"]}, "as_of, cursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1e2"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"min_probability": "nan"}, "min_probability"),
        ({"min_probability": "-0.1"}, "min_probability"),
        ({"max_probability": "1.01"}, "max_probability"),
        ({"max_probability": "0_1"}, "max_probability"),
        ({"max_probability": "1e999"}, "max_probability"),
        ({"min_probability": "0.6", "max_probability": "0.5"}, "min_probability"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"as_of": "2027-01-01T00:00:00Z"}, "as_of"),
        ({"as_of": "1999-12-31T23:59:59Z"}, "as_of"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "\x00é"}, "cursor"),
    ],
)
def test_an_unusable_parameter_is_refused_by_name(
    http: Http, params: dict[str, Any], field: str
) -> None:
    assert field_of(http.get(URL, params=params)) == field


@pytest.mark.parametrize("category", ["a/b", "50%", "Zoë", "?", "%2e", "c+1 x"])
def test_every_printable_category_can_be_asked_for(http: Http, shop: Shop, category: str) -> None:
    shop.purchases["c", "p"] = a_purchase(customer_id="c", category=category)
    page = http.get(f"/v1/categories/{quote(category, safe='')}/propensities").json()
    assert (page["category"], ids([page])) == (category, ["c"])


@pytest.mark.parametrize("encoded", ["%20c", "c%00", "%FF", "x" * 65, "%E2%80%A8"])
def test_an_unusable_category_is_refused_by_name(http: Http, encoded: str) -> None:
    assert field_of(http.get(f"/v1/categories/{encoded}/propensities")) == "category"


def test_a_silent_store_gives_no_page(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("purchases: no answer")
    problem_of(http.get(URL), 503, "store-unavailable")


def test_without_a_live_model_there_is_no_page(http: Http, shop: Shop) -> None:
    shop.live = False
    problem_of(http.get(URL), 503, "no-live-model")


def a_cursor(http: Http) -> str:
    cursor = http.get(URL, params={"limit": 4}).json()["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


def test_no_customer_can_be_read_from_a_cursor(http: Http) -> None:
    cursor = a_cursor(http)
    for readable in (cursor.encode(), base64.urlsafe_b64decode(cursor)):
        assert b"customer" not in readable


def test_a_forged_cursor_is_refused(http: Http, shop: Shop) -> None:
    with TestClient(app_over(shop, cursor_key=Fernet.generate_key().decode())) as elsewhere:
        foreign = a_cursor(elsewhere)
    assert field_of(http.get(URL, params={"cursor": foreign})) == "cursor"


def test_an_expired_cursor_is_refused(http: Http, shop: Shop) -> None:
    cursor = a_cursor(http)
    shop.clock.now += CURSOR_TTL_S * MICROS_PER_SECOND
    assert http.get(URL, params={"cursor": cursor}).status_code == 200
    shop.clock.now += MICROS_PER_SECOND
    response = http.get(URL, params={"cursor": cursor})
    assert field_of(response) == "cursor"
    assert "cursor" in response.json()["detail"]
    assert "3600 s" in response.json()["detail"]


@pytest.mark.parametrize(
    ("url", "params"),
    [
        ("/v1/categories/grocery/propensities", {}),
        (URL, {"min_probability": 0.5}),
        (URL, {"max_probability": 0.5}),
    ],
)
def test_a_cursor_of_another_query_is_refused(
    http: Http, url: str, params: dict[str, float]
) -> None:
    assert field_of(http.get(url, params={**params, "cursor": a_cursor(http)})) == "cursor"


def test_a_cursor_keeps_its_own_instant(http: Http) -> None:
    cursor = a_cursor(http)
    same = {"cursor": cursor, "as_of": instant.render(NOW)}
    assert http.get(URL, params=same).status_code == 200
    other = {"cursor": cursor, "as_of": instant.render(NOW - 1)}
    assert field_of(http.get(URL, params=other)) == "as_of"


def test_a_cursor_ends_when_the_champion_changes(http: Http, shop: Shop) -> None:
    cursor = a_cursor(http)
    shop.version = 8
    response = http.get(URL, params={"cursor": cursor})
    assert field_of(response) == "cursor"
    assert re.search(r"cursor .*\b7\b.*\b8\b", response.json()["detail"])


def test_workers_that_share_a_key_take_each_others_cursors(shop: Shop) -> None:
    key = Fernet.generate_key().decode()
    with (
        TestClient(app_over(shop, cursor_key=key)) as one,
        TestClient(app_over(shop, cursor_key=key)) as other,
    ):
        first = one.get(URL, params={"limit": 4}).json()
        rest = other.get(URL, params={"cursor": first["next_cursor"]}).json()
    assert sorted(ids([first, rest])) == CUSTOMERS


JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", JSON),
        ("", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("application/x-ndjson", NDJSON),
        ("Application/X-NDJSON; charset=utf-8", NDJSON),
        ("text/csv;header=present", CSV),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("application/json;q=0.5, text/csv", CSV),
        ("application/json;q=0.5, text/csv;q=0.25", JSON),
        ("*/*, application/json;q=0", NDJSON),
        ("text/csv;q=inf, application/x-ndjson;q=0.1", NDJSON),
    ],
)
def test_the_accept_header_chooses_the_form(http: Http, accept: str, media_type: str) -> None:
    response = http.get(URL, headers={"accept": accept})
    assert response.headers["content-type"].split(";")[0] == media_type
    assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*", "json", ";,"])
def test_no_other_form_is_served(http: Http, accept: str) -> None:
    members = problem_of(http.get(URL, headers={"accept": accept}), 406, "not-acceptable")
    assert NDJSON in members["detail"]


@given(st.lists(st.text(st.sampled_from("*/;=q01.,ajson text")), max_size=3))
def test_any_accept_header_beside_a_wildcard_gives_one_of_the_forms(accept: list[str]) -> None:
    assert negotiated([*accept, "*/*;q=1"], (JSON, NDJSON, CSV)) in {JSON, NDJSON, CSV}

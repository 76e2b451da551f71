from urllib.parse import quote

import pytest
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send

from domain.errors import CorruptRecord, StoreUnavailable
from domain.values import instant
from tests.api.conftest import Http, Shop, app_over
from tests.api.problems import field_of, problem_of
from tests.builders import DAY, NOW, a_purchase

URL = "/v1/customers/customer-1/propensity"


def stock(shop: Shop, *ages_in_days: int) -> None:
    for number, age in enumerate(ages_in_days):
        purchase = a_purchase(purchase_id=str(number), purchased_at=NOW - age * DAY)
        shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase


def test_a_prediction_explains_itself(http: Http, shop: Shop) -> None:
    stock(shop, 1, 2, 40)
    response = http.get(URL)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "customer_id": "customer-1",
        "probability": 25 / 26,
        "category": None,
        "horizon_days": 30,
        "as_of": "2026-03-01T12:00:00Z",
        "decision": {
            "policy": "banner",
            "show": False,
            "reason": "above_range",
            "min_probability": 0.2,
            "max_probability": 0.8,
        },
        "features": {"total_purchase_volume_30d": 25.0},
        "purchases_read": 2,
        "history": "purchases",
        "model": {"name": "propensity", "version": 7, "revision": 1, "arm": "champion"},
        "cost": {
            "round_trips": 1,
            "read_units": {"measured": 0.5, "computed": 0.0},
            "write_units": {"measured": 0.0, "computed": 0.0},
        },
        "explanation": None,
    }


def test_an_unknown_customer_has_an_empty_history(http: Http) -> None:
    answer = http.get("/v1/customers/nobody/propensity").json()
    assert (answer["history"], answer["purchases_read"], answer["probability"]) == ("empty", 0, 0.0)


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-02-28T12:00:00Z",
        "2026-02-28T14:00:00%2B02:00",
        "2026-02-28T14:00:00+02:00",
        "2026-02-28T14:00:00.000+02:00",
        "2026-02-28T10:00:00-02:00",
    ],
)
def test_a_past_instant_is_answered_as_it_was_known(http: Http, shop: Shop, as_of: str) -> None:
    stock(shop, 0, 1, 2)
    answer = http.get(f"{URL}?as_of={as_of}").json()
    assert (answer["as_of"], answer["purchases_read"]) == ("2026-02-28T12:00:00Z", 2)


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-02-28T12:00:00",
        "2026-02-28T12:00:00 2:00",
        "2026-02-28 12:00",
        "2026-02-30T12:00:00Z",
        "2027-01-01T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "yesterday",
        "null",
        "\x00",
        "",
    ],
)
def test_an_as_of_that_names_no_usable_instant_is_refused_by_name(http: Http, as_of: str) -> None:
    assert field_of(http.get(URL, params={"as_of": as_of})) == "as_of"


def test_a_misspelt_parameter_never_means_its_default(http: Http) -> None:
    assert field_of(http.get(URL, params={"asof": "2026-02-28T12:00:00Z"})) == "asof"


def test_an_as_of_given_twice_is_refused(http: Http) -> None:
    past = instant.render(NOW - DAY)
    assert field_of(http.get(URL, params={"as_of": [past, past]})) == "as_of"


@pytest.mark.parametrize(
    "customer_id", ["a/b", "a//b/", "50%", "%2F", "Zoë", "می\u200cروم", "c+1 x", "?", "%2e"]
)
def test_every_printable_customer_id_can_be_asked_for(
    http: Http, shop: Shop, customer_id: str
) -> None:
    shop.purchases["", ""] = a_purchase(customer_id=customer_id)
    answer = http.get(f"/v1/customers/{quote(customer_id, safe='')}/propensity").json()
    assert (answer["customer_id"], answer["purchases_read"]) == (customer_id, 1)


def test_a_server_without_raw_paths_is_served_too(shop: Shop) -> None:
    app = app_over(shop)

    async def without_raw_path(scope: Scope, receive: Receive, send: Send) -> None:
        scope["raw_path"] = b""
        await app(scope, receive, send)

    with TestClient(without_raw_path) as http:
        assert http.get("/v1/customers/50%25/propensity").json()["customer_id"] == "50%"


@pytest.mark.parametrize("encoded", ["%20c", "c%00", "%FF", "x" * 257, "%ED%A0%80", "%E2%80%A8"])
def test_an_unusable_customer_id_is_refused_by_name(http: Http, encoded: str) -> None:
    assert field_of(http.get(f"/v1/customers/{encoded}/propensity")) == "customer_id"


def test_a_silent_store_gives_no_prediction(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("purchases: no answer within 0.5 s")
    members = problem_of(http.get(URL), 503, "store-unavailable")
    assert members["detail"] == "purchases: no answer within 0.5 s"


def test_without_a_live_model_there_is_no_prediction(http: Http, shop: Shop) -> None:
    shop.live = False
    problem_of(http.get(URL), 503, "no-live-model")


def test_a_corrupt_record_tells_the_caller_no_internals(http: Http, shop: Shop) -> None:
    shop.trouble = CorruptRecord("row 17 of shard 3")
    members = problem_of(http.get(URL), 500, "corrupt-record")
    assert "17" not in str(members["detail"])

from dataclasses import replace
from urllib.parse import quote

import pytest
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send

from domain.errors import CorruptRecord, StoreUnavailable
from domain.features import TARGET, Aggregation, Feature, FeatureSet
from domain.prediction import LinearFacts, Traffic
from domain.values import Window, instant
from tests.api.conftest import Http, Shop, app_over
from tests.api.problems import field_of, problem_of
from tests.builders import DAY, NOW, USD, a_purchase, a_served_model
from tests.fakes import SaturatingScorer

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
        "consistency": "strong",
        "model": {"name": "propensity", "version": 7, "revision": 1, "arm": "champion"},
        "cost": {
            "round_trips": 1,
            "read_units": {"measured": 0.5, "computed": 0.0},
            "write_units": {"measured": 0.0, "computed": 0.0},
        },
        "explanation": None,
        "decision_id": None,
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


WITHIN = FeatureSet((Feature(Aggregation.PURCHASE_COUNT, Window.days(30), TARGET),), USD)
FACTS = LinearFacts(
    coefficients={"purchase_count_30d[target]": 0.5},
    averages={"purchase_count_30d[target]": 3.0},
    intercept=-1.0,
    base_rate=0.25,
)


def served_within(shop: Shop, *, facts: LinearFacts | None = FACTS) -> None:
    """A second model serves, which says who buys within a category."""
    model = replace(a_served_model(SaturatingScorer(), features=WITHIN), name="within", facts=facts)
    shop.others["within"] = Traffic(champion=model)


def test_a_model_within_a_category_is_asked_with_it(http: Http, shop: Shop) -> None:
    served_within(shop)
    shop.purchases |= {
        ("customer-1", purchase.purchase_id): purchase
        for purchase in (
            a_purchase(purchase_id="a", category="shoes"),
            a_purchase(purchase_id="b", category="shoes"),
            a_purchase(purchase_id="c", category="shirts"),
        )
    }
    path = "/v1/customers/customer-1/propensity?model=within&category=shoes"
    answer = http.get(path).json()
    assert (answer["model"]["name"], answer["category"]) == ("within", "shoes")
    assert answer["features"] == {"purchase_count_30d[target]": 2.0}
    assert answer["explanation"] is None
    told = http.get(path + "&explain=true").json()["explanation"]
    (part,) = told["contributions"]
    assert (part["value"], part["average"], part["log_odds"]) == (2.0, 3.0, -0.5)
    assert "category asked about" in part["meaning"]
    assert told["log_odds"] == pytest.approx(-1.0 + 0.5 * 2.0)
    assert told["base_rate"] == 0.25


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("model=within", "category"),
        ("category=shoes", "category"),
        ("model=nobody", "model"),
        ("model=within&category=", "category"),
        ("explain=yes", "explain"),
        ("explain=true", "explain"),
    ],
)
def test_what_a_model_cannot_be_asked_is_refused(
    http: Http, shop: Shop, query: str, parameter: str
) -> None:
    served_within(shop)
    response = http.get(f"/v1/customers/customer-1/propensity?{query}")
    problem = problem_of(response, 400, "invalid-request")
    assert [each["field"] for each in problem["errors"]] == [parameter]


def test_an_answer_says_how_fresh_its_read_is(http: Http) -> None:
    told = [http.get(URL + query).json()["consistency"] for query in ("", "?consistency=eventual")]
    assert told == ["strong", "eventual"]
    refused = http.get(URL + "?consistency=none")
    assert field_of(refused) == "consistency"
    assert "strong, eventual" in refused.text


def test_an_audience_is_scored_by_the_model_that_is_named(http: Http, shop: Shop) -> None:
    served_within(shop)
    purchase = a_purchase(category="shoes")
    shop.purchases["customer-1", purchase.purchase_id] = purchase
    answer = http.get("/v1/categories/shoes/propensities?model=within").json()
    assert [model["name"] for model in answer["models"]] == ["within"]
    single = http.get("/v1/customers/customer-1/propensity?model=within&category=shoes").json()
    assert answer["members"][0]["probability"] == single["probability"]
    problem_of(http.get("/v1/categories/shoes/propensities?model=x"), 400, "invalid-request")

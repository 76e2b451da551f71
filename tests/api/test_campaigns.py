"""Campaigns over HTTP: read by who holds the scope, without the members, and hidden from the erased."""

import pytest

from domain.keys import Scope
from tests.api.conftest import Http, Shop, keyed
from tests.api.problems import field_of, problem_of
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member
from tests.contracts.test_campaign_records import RESULTS

CANARY = "canary-4711"


@pytest.fixture
def shop() -> Shop:
    """A shop with a campaign of two members."""
    shop = Shop()
    shop.campaigns.begin("spring", NOW)
    members = [a_member(CANARY), a_member("c2")]
    part = shop.campaigns.write("spring", NOW, members)
    shop.campaigns.commit(a_campaign(parts=[part]))
    return shop


def test_campaigns_are_listed_and_shown_without_their_members(http: Http) -> None:
    answer = http.get("/v1/campaigns")
    (campaign,) = answer.json()["campaigns"]
    assert campaign == http.get("/v1/campaigns/spring").json()
    assert (campaign["name"], campaign["treated"], campaign["held_out"]) == ("spring", 1, 0)
    assert campaign["versions"] == {"champion": 3}
    assert campaign["policy"]["holdout"] == 0.1
    assert campaign["sent_at"] is None
    assert CANARY not in answer.text


def test_the_newest_results_are_shown(http: Http, shop: Shop) -> None:
    problem_of(http.get("/v1/campaigns/spring/results"), 404, "not-found")
    shop.campaigns.keep("spring", RESULTS)
    results = http.get("/v1/campaigns/spring/results").json()
    assert (results["over"], results["currency"], results["partial"]) == (False, "USD", False)
    (metric,) = results["metrics"]
    assert metric["verdict"] == "too_early"
    assert metric["difference"]["interval"] == {"low": -0.1, "high": 0.3}
    assert metric["difference"]["relative_interval"] == {"low": None, "high": None}


def test_what_is_no_campaign_is_refused_and_what_is_not_there_is_not_found(http: Http) -> None:
    problem_of(http.get("/v1/campaigns/summer"), 404, "not-found")
    problem_of(http.get("/v1/campaigns/summer/results"), 404, "not-found")
    for name in ("Spring", "%2E%2E", "a%2Fb", "x" * 64):
        assert field_of(http.get(f"/v1/campaigns/{name}")) == "name"
    for path in ("/v1/campaigns", "/v1/campaigns/spring", "/v1/campaigns/spring/results"):
        assert field_of(http.get(f"{path}?days=3")) == "days"


def test_they_are_for_who_may_list_audiences(http: Http) -> None:
    for path in ("/v1/campaigns", "/v1/campaigns/spring", "/v1/campaigns/spring/results"):
        problem_of(http.get(path, headers=keyed(Scope.PREDICT)), 403, "forbidden")
    assert http.get("/v1/campaigns", headers=keyed(Scope.AUDIENCE)).status_code == 200


def test_an_erasure_hides_the_customer_from_every_reader_of_campaigns(
    http: Http, shop: Shop
) -> None:
    campaign = shop.campaigns.named("spring")
    receipt = http.post("/v1/erasures", json={"customer_id": CANARY}).json()
    assert (receipt["complete"], receipt["campaigns"]) == (True, "hidden")
    left = [m.customer_id for batch in shop.campaigns.members(campaign) for m in batch]
    assert left == ["c2"]


def test_an_erasure_that_could_not_finish_hides_the_customer_all_the_same(
    http: Http, shop: Shop
) -> None:
    shop.interrupted = True
    assert http.post("/v1/erasures", json={"customer_id": CANARY}).status_code == 202
    shop.campaigns.begin("later", NOW)
    part = shop.campaigns.write("later", NOW, [a_member(CANARY)])
    shop.campaigns.commit(a_campaign("later", created_at=NOW + 10**12, parts=[part]))
    found = [m for batch in shop.campaigns.members(shop.campaigns.named("later")) for m in batch]
    assert found == [], "until it is complete, from campaigns that are created meanwhile too"

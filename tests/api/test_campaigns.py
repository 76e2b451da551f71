"""Campaigns over HTTP: read by who holds the scope, without the members, and hidden from the erased."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from httpx import Response

from adapters.campaigns import ObjectFlagRecords
from domain.audit import Act, Outcome
from domain.campaigns import CreationState
from domain.errors import Interrupted
from domain.keys import Scope
from domain.values import instant
from tests.api.conftest import Http, Shop, client_of, keyed
from tests.api.problems import field_of, problem_of
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member, spending
from tests.contracts.test_campaign_records import RESULTS
from tests.contracts.test_flag_records import FOUND
from tests.doubles.spread import ThreadBeside

T = TypeVar("T")
CANARY = "canary-4711"


@pytest.fixture
def shop() -> Shop:
    """A shop with a campaign of two members."""
    shop = Shop()
    shop.campaigns.begin("spring", NOW, "anna")
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
    shop.campaigns.begin("later", NOW, "anna")
    part = shop.campaigns.write("later", NOW, [a_member(CANARY)])
    shop.campaigns.commit(a_campaign("later", created_at=NOW + 10**12, parts=[part]))
    found = [m for batch in shop.campaigns.members(shop.campaigns.named("later")) for m in batch]
    assert found == [], "until it is complete, from campaigns that are created meanwhile too"


MANAGE = keyed(Scope.CAMPAIGNS_MANAGE)
NEW = {"name": "summer", "category": "jewellery"}


class Waiting(ThreadBeside):
    """Runs nothing before it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __call__(
        self,
        call: Callable[[Callable[[object], object]], T],
        /,
        *,
        tell: Callable[[object], object],
        stopped: threading.Event,
    ) -> T:
        while not self.released.wait(0.01):
            if stopped.is_set():
                raise Interrupted("the server stops")
        return super().__call__(call, tell=tell, stopped=stopped)


@pytest.fixture
def waiting(shop: Shop) -> Waiting:
    """Creations begin, and go on when the test says so."""
    bought = [spending(f"c{n}", 0.1) for n in range(1, 41)]
    shop.purchases = {(each.customer_id, each.purchase_id): each for each in bought}
    shop.beside = beside = Waiting()
    return beside


def until_there(http: Http, name: str) -> Response:
    while (answer := http.get(f"/v1/campaigns/{name}")).status_code == 202:
        time.sleep(0.01)
    return answer


def test_a_campaign_is_created_beside_serving(http: Http, shop: Shop, waiting: Waiting) -> None:
    body = NEW | {"top": 20, "holdout": 0.25, "suppress": ["c1", "nobody"]}
    answer = http.post("/v1/campaigns", json=body, headers=MANAGE)
    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/campaigns/summer"
    report = answer.json()
    assert (report["state"], report["owner"]) == ("creating", "campaigns:manage-tool")
    looked = http.get("/v1/campaigns/summer")
    assert (looked.status_code, looked.json()) == (202, report)
    assert int(looked.headers["retry-after"]) >= 1
    assert [each["name"] for each in http.get("/v1/campaigns").json()["campaigns"]] == ["spring"]
    assert http.get("/livez").status_code == 200
    waiting.released.set()
    campaign = until_there(http, "summer").json()
    assert (campaign["eligible"], campaign["members"]) == (39, 20)
    assert campaign["removed"] == {"suppressed": 1}
    assert campaign["policy"]["holdout"] == 0.25
    (entry,) = shop.audit_log.entries(since=NOW, until=NOW + 1)
    assert (entry.actor, entry.act, entry.name) == (
        "campaigns:manage-tool",
        Act.CREATE_CAMPAIGN,
        "summer",
    )


def test_a_name_is_held_while_it_is_created_and_taken_afterwards(
    http: Http, waiting: Waiting
) -> None:
    assert http.post("/v1/campaigns", json=NEW).status_code == 202
    assert "tests" in problem_of(http.post("/v1/campaigns", json=NEW), 409, "conflict")["detail"]
    waiting.released.set()
    assert until_there(http, "summer").status_code == 200
    problem_of(http.post("/v1/campaigns", json=NEW), 409, "conflict")


def test_no_more_are_created_at_once_than_a_process_takes(http: Http, waiting: Waiting) -> None:
    names = [f"summer-{number}" for number in range(3)]
    answers = [http.post("/v1/campaigns", json=NEW | {"name": name}) for name in names]
    assert [each.status_code for each in answers] == [202, 202, 503]
    assert answers[2].json()["type"] == "urn:propensity:problem:busy"
    assert int(answers[2].headers["retry-after"]) == 10
    waiting.released.set()
    for name in names[:2]:
        until_there(http, name)
    assert http.post("/v1/campaigns", json=NEW | {"name": names[2]}).status_code == 202


def test_a_creation_that_fails_says_why_and_frees_the_name(
    http: Http, shop: Shop, waiting: Waiting
) -> None:
    waiting.released.set()
    nobody = NEW | {"min_probability": 0.999}
    assert http.post("/v1/campaigns", json=nobody).status_code == 202
    answer = problem_of(until_there(http, "summer"), 404, "campaign-not-created")
    assert "nobody of jewellery is left" in answer["detail"]
    while len(entries := shop.audit_log.entries(since=NOW, until=NOW + 1)) < 2:
        time.sleep(0.01)
    assert [each.outcome for each in entries] == [Outcome.BEGUN, Outcome.FAILED]
    assert http.post("/v1/campaigns", json=NEW).status_code == 202
    assert until_there(http, "summer").status_code == 200


def test_a_server_that_stops_ends_its_creations_and_says_so(shop: Shop, waiting: Waiting) -> None:
    with client_of(shop) as http:
        assert http.post("/v1/campaigns", json=NEW).status_code == 202
    creation = shop.campaigns.creation("summer")
    assert creation is not None
    assert creation.state is CreationState.FAILED
    assert not waiting.released.is_set()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Summer"}, None),
        ({"holdout": 1.0}, None),
        ({"holdout": 0.12345}, "holdout"),
        ({"top": 5, "top_share": 0.5}, "top"),
        ({"top_share": 0}, "top_share"),
        ({"min_probability": 0.6, "max_probability": 0.5}, "min_probability"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"as_of": "2999-01-01T00:00:00Z"}, "as_of"),
        ({"model": "other"}, "model"),
        ({"category": " "}, "category"),
        ({"colour": "red"}, None),
        ({"suppress": "c1"}, None),
    ],
)
def test_what_means_nothing_is_refused_at_once(
    http: Http, shop: Shop, waiting: Waiting, change: dict[str, object], field: str | None
) -> None:
    answer = http.post("/v1/campaigns", json=NEW | change)
    assert answer.status_code == 400, answer.text
    if field is not None:
        assert field_of(answer) == field
    assert not waiting.released.is_set()
    assert shop.campaigns.creation("summer") is None
    assert shop.audit_log.entries(since=NOW, until=NOW + 1) == []


def test_a_category_that_nobody_bought_in_is_not_found_at_once(
    http: Http, waiting: Waiting
) -> None:
    answer = http.post("/v1/campaigns", json=NEW | {"category": "jewelery"})
    assert "jewellery" in problem_of(answer, 404, "not-found")["detail"]
    assert not waiting.released.is_set()


def test_only_who_may_manage_campaigns_creates_one(http: Http, waiting: Waiting) -> None:
    answer = http.post("/v1/campaigns", json=NEW, headers=keyed(Scope.AUDIENCE))
    problem_of(answer, 403, "forbidden")
    assert not waiting.released.is_set()


def test_the_power_is_said_before_a_campaign_is_created(http: Http) -> None:
    path = "/v1/campaign-power"
    few = http.get(f"{path}?members=8000&rate=0.05").json()
    assert (few["treated"], few["held_out"], few["rate"]) == (7_200, 800, 0.05)
    many = http.get(f"{path}?members=8000&rate=0.05&holdout=50%25").json()
    assert 0.0 < many["detectable_lift"] < few["detectable_lift"] < 0.1
    assert http.get(f"{path}?members=8000&rate=0.05&holdout=0").json()["detectable_lift"] is None
    for query, field in [
        ("members=0&rate=0.5", "members"),
        ("members=5&rate=2", "rate"),
        ("members=5&rate=0.5&holdout=100%25", "holdout"),
        ("members=5&rate=0.5&holdout=many", "holdout"),
        ("members=5&rate=0.5&share=1", "share"),
    ]:
        assert field_of(http.get(f"{path}?{query}")) == field
    assert http.get(f"{path}?members=5").status_code == 400


def test_when_a_campaign_was_sent_is_said_once(http: Http, shop: Shop) -> None:
    path = "/v1/campaigns/spring/sent"
    assert field_of(http.post(path, json={"at": "2020-01-01T00:00:00Z"})) == "at"
    assert field_of(http.post(path, json={"at": "2999-01-01T00:00:00Z"})) == "as_of"
    assert field_of(http.post(path, json={"at": "now"})) == "at"
    problem_of(http.post(path, json={}, headers=keyed(Scope.AUDIENCE)), 403, "forbidden")
    sent = http.post(path, json={}, headers=MANAGE)
    assert sent.json()["sent_at"] == instant.render(NOW)
    assert http.post(path, json={}).status_code == 200
    shop.clock.now += 1
    problem_of(http.post(path, json={}), 409, "conflict")
    entries = shop.audit_log.entries(since=NOW, until=NOW + 2)
    assert (entries[0].act, entries[0].name) == (Act.SEND_CAMPAIGN, "spring")


def test_a_campaign_is_deleted_by_who_names_it_twice(http: Http, shop: Shop) -> None:
    path = "/v1/campaigns/spring/delete"
    assert field_of(http.post(path, json={"confirm": "Spring"})) == "confirm"
    problem_of(
        http.post(path, json={"confirm": "spring"}, headers=keyed(Scope.AUDIENCE)), 403, "forbidden"
    )
    assert http.get("/v1/campaigns/spring").status_code == 200
    assert http.post(path, json={"confirm": "spring"}, headers=MANAGE).json()["name"] == "spring"
    problem_of(http.get("/v1/campaigns/spring"), 404, "not-found")
    assert http.get("/v1/campaigns").json() == {"campaigns": []}
    problem_of(http.post(path, json={"confirm": "spring"}), 404, "not-found")
    (entry,) = shop.audit_log.entries(since=NOW, until=NOW + 1)
    assert (entry.act, entry.name) == (Act.DELETE_CAMPAIGN, "spring")
    assert shop.campaign_objects.keys("campaigns/") == ["campaigns/spring/deleted.json"]


def test_the_newest_results_of_a_flag_are_shown(http: Http, shop: Shop) -> None:
    path = "/v1/flags/promotion-banner/results"
    problem_of(http.get(path), 404, "not-found")
    problem_of(http.get("/v1/flags/nothing/results"), 404, "unknown-flag")
    assert field_of(http.get(f"{path}?days=3")) == "days"
    ObjectFlagRecords(shop.campaign_objects).keep(replace(FOUND, flag="promotion-banner"))
    report = http.get(path, headers=keyed(Scope.AUDIENCE)).json()
    assert (report["flag"], report["share"], report["currency"]) == ("promotion-banner", 0.5, "USD")
    assert report["metrics"][0]["verdict"] == "too_early"
    problem_of(http.get(path, headers=keyed(Scope.DECIDE)), 403, "forbidden")

"""Campaigns in the console: what is known of them, files for tools, sent, and measured."""

import time
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from litestar.testing import TestClient

from adapters.campaigns import ObjectFlagRecords
from api.http.access import Access
from domain.audit import Act
from domain.campaigns import (
    Baseline,
    Campaign,
    CampaignArm,
    Claim,
    CreationState,
    FlagResults,
    Policy,
    Progress,
    Verdict,
)
from domain.decisions import Flag
from domain.errors import StoreUnavailable
from domain.keys import Scope
from tests.api.conftest import Shop
from tests.builders import DAY, NOW, a_policy, a_purchase
from tests.campaigns import a_campaign, a_member
from tests.console.conftest import EVERY_KEY, ORIGIN, Person, console_over, holder_of
from tests.unit.test_campaign_words import results

PAGE = "/console/campaigns/spring"
PEOPLE = 240
HELD_OUT = {f"c{n:03}" for n in range(0, PEOPLE, 2)}


def twin(person: Person, path: str) -> Any:
    answer = person.http.get(path, params={"format": "json"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def frozen(shop: Shop, name: str = "spring", *, holdout: int = 5_000) -> Campaign:
    """A campaign of many, half of them held out."""
    claim = shop.campaigns.begin(name, NOW, "anna")
    del claim
    members = [
        a_member(
            f"c{n:03}",
            arm=CampaignArm.HELD_OUT if f"c{n:03}" in HELD_OUT else CampaignArm.TREATED,
            probability=n / PEOPLE,
        )
        for n in range(PEOPLE)
    ]
    part = shop.campaigns.write(name, NOW, members)
    campaign = a_campaign(
        name,
        parts=[part],
        policy=Policy(holdout=holdout),
        eligible=PEOPLE,
        members={CampaignArm.TREATED: PEOPLE - len(HELD_OUT), CampaignArm.HELD_OUT: len(HELD_OUT)},
        baseline=Baseline(
            rate=0.3,
            in_category=False,
            horizon_days=30,
            spread_before=9.5,
            cuts=[n / 10 for n in range(1, 10)],
            lift=0.089,
        ),
    )
    shop.campaigns.commit(campaign)
    return campaign


def buying(shop: Shop, *, day: int = 3) -> None:
    """Everybody who was contacted buys, and a few of the others."""
    for n in range(PEOPLE):
        if f"c{n:03}" not in HELD_OUT or n % 10 == 0:
            purchase = a_purchase(customer_id=f"c{n:03}", purchased_at=NOW + day * DAY)
            shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase


def later(person: Person, shop: Shop, *, days: int) -> None:
    """So many days pass, and the person signs in again."""
    shop.clock.now = NOW + days * DAY
    person.sign_in(EVERY_KEY)


def measured(person: Person, path: str = PAGE, *, days: str = "30") -> Any:
    """The page's document once the measurement is over."""
    answer = person.do(f"{path}/measure", days=days)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    for _ in range(600):
        document = twin(person, path)
        if document["measuring"]["over"]:
            return document
        time.sleep(0.05)
    return pytest.fail("it was never over")


@pytest.fixture
def shop() -> Shop:
    """A shop with a campaign."""
    shop = Shop()
    frozen(shop)
    return shop


def test_the_list_says_state_power_and_result_in_one_line(person: Person) -> None:
    document = twin(person, "/console/campaigns")
    (line,) = document["campaigns"]
    assert (line["name"], line["state"], line["measured_at"]) == ("spring", "frozen", None)
    assert (line["treated"], line["held_out"]) == (PEOPLE - len(HELD_OUT), len(HELD_OUT))
    page = person.get("/console/campaigns").text
    for words in ("spring", "not sent", "8.9 points", "Not measured yet."):
        assert words in page
    assert "c001" not in page


def test_a_campaign_that_sold_more_says_so_with_its_interval(person: Person, shop: Shop) -> None:
    assert person.do(f"{PAGE}/sent").status_code == 303
    later(person, shop, days=31)
    buying(shop)
    document = measured(person)
    assert document["state"] == "over"
    assert document["conclusion"]["tone"] == "good"
    assert "more buyers" in document["conclusion"]["headline"]
    told = twin(person, f"{PAGE}/results")
    assert told["primary"] == "conversion"
    (look,) = told["looks"]
    assert look["low"] > 0
    assert told["results"]["assignment_broken"] is False
    assert len(told["results"]["uplift"]) == 10
    piece = person.get(f"{PAGE}/results", **{"hx-request": "true"}).text
    assert "<html" not in piece
    for heading in ("fair", "more people buy", "money", "need it at all"):
        assert heading in piece
    assert "look already" not in piece, "there was one look alone"
    assert "Results of spring" in person.get(f"{PAGE}/results").text


def test_while_the_days_go_on_only_what_holds_at_any_look_is_told(
    person: Person, shop: Shop
) -> None:
    person.do(f"{PAGE}/sent")
    later(person, shop, days=5)
    buying(shop)
    document = measured(person)
    assert (document["state"], document["day"]) == ("running", 6)
    told = twin(person, f"{PAGE}/results")["results"]
    assert all(each["difference"] is None for each in told["metrics"])
    piece = person.get(f"{PAGE}/results", **{"hx-request": "true"}).text
    assert "holds whenever you look" in piece
    assert "need it at all" not in piece, "groups are for when the days are over"


def test_a_broken_assignment_is_told_first_and_nothing_is_celebrated(
    person: Person, shop: Shop
) -> None:
    frozen(shop, "broken", holdout=1_000)
    later(person, shop, days=31)
    buying(shop)
    document = measured(person, "/console/campaigns/broken")
    assert document["conclusion"]["tone"] == "bad"
    assert "no result is shown" in document["conclusion"]["headline"]
    piece = person.get("/console/campaigns/broken/results", **{"hx-request": "true"}).text
    assert "Do not use this result" in unescape(piece)
    assert "more people buy" not in piece
    assert "money" not in piece


def test_a_measurement_that_fails_says_why(person: Person, shop: Shop) -> None:
    later(person, shop, days=1)
    shop.trouble = StoreUnavailable("the table is gone", transient=False)
    document = measured(person)
    assert "the table is gone" in document["measuring"]["reason"]
    shop.trouble = None
    page = person.get(PAGE).text
    assert "the table is gone" in page
    assert "Measure now" in page
    assert measured(person)["measuring"]["reason"] is None


def test_the_file_holds_whom_to_contact_and_nobody_else(person: Person) -> None:
    for kind in ("csv", "excel", "braze"):
        answer = person.http.get(f"{PAGE}/file", params={"for": kind})
        assert answer.status_code == 200
        assert "attachment" in answer.headers["content-disposition"]
        assert answer.headers["cache-control"] == "no-store"
        found = {line.split(",")[0].strip('"') for line in answer.text.splitlines()[1:] if line}
        assert not found & HELD_OUT
        assert len(answer.text.splitlines()) == 1 + PEOPLE - len(HELD_OUT)
    for kind in ("fax", "klaviyo"):  # Klaviyo takes mail addresses alone
        assert person.http.get(f"{PAGE}/file", params={"for": kind}).status_code == 400


def test_sent_is_said_once_and_not_of_the_future(person: Person, shop: Shop) -> None:
    later(person, shop, days=2)
    for typed in ("2026-03-09T12:00", "2025-03-01T12:00", "yesterday", '"><script>'):
        refused = person.do(f"{PAGE}/sent", at=typed)
        assert refused.status_code == 400
        assert 'id="wrong-at"' in refused.text
        assert "<script>" not in refused.text
    told = person.do(f"{PAGE}/sent", at="2026-03-02T12:00")
    assert told.status_code == 303
    assert twin(person, PAGE)["sent_at"] == NOW + DAY
    assert "Was it sent?" not in person.get(PAGE).text
    assert person.do(f"{PAGE}/sent", at="2026-03-02T13:00").status_code == 409
    acts = [each.act for each in shop.audit_log.entries(since=0, until=NOW + 9 * DAY)]
    assert Act.SEND_CAMPAIGN in acts


def test_a_creation_shows_how_far_it_is_and_why_it_failed(person: Person, shop: Shop) -> None:
    claim: Claim = shop.campaigns.begin("summer", NOW, "anna")
    shop.campaigns.tell(claim, NOW, Progress(step="scoring", done=20, total=90))
    document = twin(person, "/console/campaigns/summer")
    assert document["creation"]["state"] == CreationState.CREATING
    page = person.get("/console/campaigns/summer").text
    assert "20 of about 90" in page
    piece = person.get("/console/campaigns/summer/creating", **{"hx-request": "true"})
    assert "hx-refresh" not in piece.headers
    shop.campaigns.fail(claim, NOW, "nobody <b>is</b> left")
    page = person.get("/console/campaigns/summer").text
    assert "nobody &lt;b&gt;is&lt;/b&gt; left" in page
    assert person.get("/console/campaigns/summer/creating").headers["hx-refresh"] == "true"


def test_what_is_no_campaign_is_not_found(person: Person) -> None:
    assert person.get("/console/campaigns/winter").status_code == 404
    assert person.get("/console/campaigns/%3Cscript%3E").status_code == 400
    assert person.get(f"{PAGE}/results").status_code == 404
    for days in ("0", "366", "x"):
        assert person.do(f"{PAGE}/measure", days=days).status_code == 400


def test_who_may_only_list_audiences_sees_no_act(stranger: Person) -> None:
    looking = holder_of(stranger, Scope.AUDIENCE)
    page = looking.get(PAGE)
    assert page.status_code == 200
    assert "Measure now" not in page.text
    assert "It was sent" not in page.text
    assert looking.do(f"{PAGE}/measure", days="30").status_code == 403
    assert looking.do(f"{PAGE}/sent").status_code == 403


def test_a_campaign_is_deleted_by_who_types_its_name(person: Person, shop: Shop) -> None:
    assert "cannot be undone" in person.get(f"{PAGE}/delete").text
    for typed in ("", "Spring"):
        refused = person.do(f"{PAGE}/delete", typed=typed)
        assert refused.status_code == 400
        assert "Nothing was deleted" in refused.text
    assert [each.name for each in shop.campaigns.every()] == ["spring"]
    done = person.do(f"{PAGE}/delete", typed="spring")
    assert (done.status_code, done.headers["location"]) == (303, "/console/campaigns")
    assert "is deleted" in person.get("/console/campaigns").text
    assert shop.campaigns.every() == []
    acts = [each.act for each in shop.audit_log.entries(since=0, until=NOW + DAY)]
    assert acts == [Act.DELETE_CAMPAIGN]


def test_a_flag_that_holds_out_shows_whether_it_helps(shop: Shop) -> None:
    shop.access = Access(keyring=shop.keyring)
    shop.flags[:] = [replace(Flag.banner(a_policy()), holdout=1_000)]
    with TestClient(console_over(shop), base_url=ORIGIN) as http:
        person = Person(http)
        person.sign_in(EVERY_KEY)
        assert "promotion-banner" in person.get("/console/campaigns").text
        path = "/console/flags/promotion-banner"
        assert twin(person, path)["results"] is None
        assert "Not measured yet" in person.get(path).text
        measured = results(Verdict.HIGHER, low=0.01, high=0.03)
        found = FlagResults(
            flag="promotion-banner", category=None, start=NOW, end=NOW, share=1.0, results=measured
        )
        ObjectFlagRecords(shop.campaign_objects).keep(found)
        document = twin(person, path)
        assert document["results"]["flag"] == "promotion-banner"
        assert document["conclusion"]["headline"] == "The flag brought 2.0 points more buyers."
        assert "more people buy" in person.get(path).text
        assert person.get("/console/flags/nobody").status_code == 404

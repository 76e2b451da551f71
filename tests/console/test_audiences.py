"""Audiences in the console: read once, ranges at once, and a campaign of the chosen."""

import time
from html import unescape
from typing import Any

import pytest

from domain.campaigns import CampaignArm
from domain.keys import Scope
from tests.api.conftest import Shop
from tests.builders import NOW, a_purchase
from tests.console.conftest import Person, holder_of

PAGE = "/console/audiences/rings%20%26%20%3Cb%3E"
CATEGORY = "rings & <b>"
PEOPLE = 120


@pytest.fixture
def shop() -> Shop:
    """A shop with a category of people who spent from nothing to much."""
    shop = Shop()
    for n in range(PEOPLE):
        purchase = a_purchase(
            customer_id=f"c{n:03}", category=CATEGORY, amount_minor=100 + n * n * 10
        )
        shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    return shop


def twin(person: Person, path: str, **query: str) -> Any:
    answer = person.http.get(path, params={"format": "json", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(person: Person, **fields: str) -> Any:
    """The page's document once everybody was read."""
    answer = person.do(f"{PAGE}/read", **fields)
    assert answer.status_code == 303
    for _ in range(600):
        document = twin(person, PAGE)
        if document["state"] in {"ready", "failed"}:
            return document
        time.sleep(0.05)
    return pytest.fail("it was never read")


def test_categories_are_listed_by_size_and_found_by_name(person: Person, shop: Shop) -> None:
    other = a_purchase(customer_id="c1", purchase_id="p9", category="shoes")
    shop.purchases["c1", "p9"] = other
    found = twin(person, "/console/audiences")["categories"]
    assert [each["category"] for each in found] == [CATEGORY, "shoes"]
    page = person.get("/console/audiences").text
    assert "<b>" not in page.replace("&lt;b&gt;", "")
    assert PAGE in page
    searched = twin(person, "/console/audiences", search="SHO")["categories"]
    assert [each["category"] for each in searched] == ["shoes"]
    assert "No category" in person.get("/console/audiences?search=boats").text


def test_looking_at_a_category_reads_nobody_until_that_is_asked_for(
    person: Person, shop: Shop
) -> None:
    document = twin(person, PAGE)
    assert (document["state"], document["survey"]) == ("none", None)
    assert "Read them" in person.get(PAGE).text
    assert shop.calls_of("read") == []


def test_every_range_is_exact_and_reads_nobody_again(person: Person, shop: Shop) -> None:
    document = read(person)
    assert document["survey"]["people"] == PEOPLE
    assert sum(bar["people"] for bar in document["survey"]["bars"]) == PEOPLE
    calls = len(shop.calls_of("read"))
    everybody = twin(person, PAGE, low="0", high="100")["chosen"]
    assert everybody["people"] == PEOPLE
    assert everybody["share_of_buyers"] == pytest.approx(1)
    parts = [twin(person, PAGE, low=a, high=b)["chosen"] for a, b in (("0", "40"), ("40", "100"))]
    assert sum(part["people"] for part in parts) == PEOPLE
    assert sum(part["expected_buyers"] for part in parts) == pytest.approx(
        everybody["expected_buyers"]
    )
    for part in parts:
        assert part["people"] == pytest.approx(
            part["expected_buyers"] + part["expected_non_buyers"]
        )
    assert len(shop.calls_of("read")) == calls


def test_the_slider_gets_the_pieces_that_change_and_ends_may_be_swapped(person: Person) -> None:
    read(person)
    answer = person.get(f"{PAGE}/figures?low=90&high=20&holdout=20", **{"hx-request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    for name in ("bars", "numbers", "power", "speaks"):
        assert f'id="{name}"' in answer.text
    assert "From 20 % to 90 %" in answer.text
    for hostile in (
        "low=-1&high=x",
        "low=50&high=50",
        "holdout=%3Cscript%3E",
        "holdout=100",
        "low=100&high=100",
    ):
        piece = person.get(f"{PAGE}/figures?{hostile}", **{"hx-request": "true"})
        assert piece.status_code == 200
        assert "<script>" not in piece.text


def test_before_it_is_created_a_campaign_says_which_difference_it_will_notice(
    person: Person,
) -> None:
    read(person)
    document = twin(person, PAGE, low="0", high="100", holdout="20%")
    first, double = document["power"]
    assert (first["holdout"], double["holdout"]) == (0.2, 0.4)
    assert first["held_out"] == PEOPLE // 5
    assert first["detectable_lift"] is None or first["detectable_lift"] > 0
    assert twin(person, PAGE, holdout="0")["power"] == []
    assert "What speaks for buying" in person.get(PAGE).text


def test_a_campaign_is_created_of_those_chosen(person: Person, shop: Shop) -> None:
    document = read(person)
    chosen = twin(person, PAGE, low="30", high="100")["chosen"]
    answer = person.do(
        f"{PAGE}/campaign",
        name="November Rings!",
        low="30",
        high="100",
        holdout="25 %",
        as_of=str(document["survey"]["as_of"]),
    )
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/console/campaigns/november-rings",
    )
    for _ in range(600):
        found = twin(person, "/console/campaigns/november-rings")
        if "campaign" in found:
            break
        assert found["creation"]["state"] == "creating", found
        time.sleep(0.05)
    campaign = shop.campaigns.named("november-rings")
    assert campaign.size == chosen["people"]
    assert campaign.policy.holdout == 2_500
    assert campaign.members[CampaignArm.HELD_OUT] > 0
    assert campaign.as_of == document["survey"]["as_of"]


def test_what_is_refused_comes_back_as_it_was_typed(person: Person, shop: Shop) -> None:
    as_of = str(read(person)["survey"]["as_of"])
    typed = {"name": "rings", "low": "30", "high": "80", "holdout": "25 %", "as_of": as_of}
    for field, text, status in (
        ("name", "!!!", 400),
        ("name", "", 400),
        ("holdout", '"><script>', 400),
        ("holdout", "100", 400),
        ("contacted", "0", 400),
        ("purchases", "many", 400),
        ("as_of", str(NOW - 1), 409),
    ):
        refused = person.do(f"{PAGE}/campaign", **typed | {field: text})
        assert refused.status_code == status, (field, refused.text[-500:])
        assert "Not created" in refused.text
        assert "From 30 % to 80 %" in refused.text
        assert '"><script>' not in refused.text
        if field != "as_of":
            assert f'value="{text}"' in unescape(refused.text)
    assert shop.campaigns.every() == []


def test_a_name_that_is_taken_is_refused(person: Person, shop: Shop) -> None:
    as_of = str(read(person)["survey"]["as_of"])
    shop.campaigns.begin("rings", NOW, "anna")
    answer = person.do(f"{PAGE}/campaign", name="rings", as_of=as_of)
    assert answer.status_code == 409
    assert "Not created" in answer.text


def test_a_file_of_ids_leaves_them_out(person: Person, shop: Shop) -> None:
    as_of = str(read(person)["survey"]["as_of"])
    answer = person.http.post(
        f"{PAGE}/campaign",
        data={"csrf": person.token, "name": "rings", "low": "0", "high": "100", "as_of": as_of},
        files={"suppress": ("ids.txt", "\ufeffc001\nc002\n\n".encode())},
        headers={"origin": "http://testserver.local"},
        follow_redirects=False,
    )
    assert answer.status_code == 303, answer.text[-800:]
    for _ in range(600):
        if "campaign" in twin(person, "/console/campaigns/rings"):
            break
        time.sleep(0.05)
    campaign = shop.campaigns.named("rings")
    assert campaign.size == PEOPLE - 2
    assert sum(campaign.removed.values()) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no ids"),
        (" \n\n", "holds no ids"),
        ('id,name\n"c001",x', "line 1 has more than an id"),
        ("c001\nc002;c003", "line 2 has more than an id"),
        ("c" * 5_000, "line 1"),
        ("c1\x00", "line 1"),
    ],
)
def test_a_file_that_is_no_list_of_ids_is_refused_with_its_line(
    person: Person, shop: Shop, text: str, why: str
) -> None:
    as_of = str(read(person)["survey"]["as_of"])
    answer = person.http.post(
        f"{PAGE}/campaign",
        data={"csrf": person.token, "name": "rings", "low": "0", "high": "100", "as_of": as_of},
        files={"suppress": ("ids.txt", text.encode())},
        headers={"origin": "http://testserver.local"},
        follow_redirects=False,
    )
    assert answer.status_code == 400
    assert why in unescape(answer.text)
    assert shop.campaigns.every() == []


def test_a_share_that_is_none_is_said_at_once(person: Person) -> None:
    read(person)
    document = twin(person, PAGE, holdout="ten")
    assert (document["holdout_is_a_share"], document["power"]) == (False, [])
    piece = person.get(f"{PAGE}/figures?holdout=ten", **{"hx-request": "true"})
    assert "is no share" in piece.text


def test_what_nobody_bought_in_is_not_found(person: Person) -> None:
    assert person.get("/console/audiences/boats").status_code == 404
    assert person.do("/console/audiences/boats/read").status_code == 404
    assert person.http.get(PAGE, params={"model": "nobody"}).status_code == 400


def test_who_may_only_look_creates_nothing(stranger: Person) -> None:
    looking = holder_of(stranger, Scope.AUDIENCE)
    as_of = str(read(looking)["survey"]["as_of"])
    assert "Create campaign" not in looking.get(PAGE).text
    assert looking.do(f"{PAGE}/campaign", name="rings", as_of=as_of).status_code == 403

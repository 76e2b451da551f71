"""How many decisions would change if a version answered everyone, and on what that rests."""

import asyncio

import pytest

from model_registry.serving import ShadowReport
from model_registry.serving.live import load
from tests.api.conftest import Shop
from tests.builders import a_purchase
from tests.console.conftest import Person
from tests.console.test_live import HTMX, serves
from tests.console.test_models import holder_over
from tests.registries import NAME, a_candidate
from tests.unit.test_otherwise import Log, a_decision

URL = f"/console/models/{NAME}/versions/2/preview"
JSON = f"{URL}?format=json"


@pytest.fixture(autouse=True)
def _two_versions(shop: Shop) -> None:
    """The champion acts on everybody; version 2 not on those who spent much."""
    for weight in (0.0001, 0.5):
        shop.registry.register(NAME, a_candidate(weight), actor="tests")
    first = shop.registry.promote(NAME, 1, actor="tests", reason="why")
    shop.others[None] = shop.others[NAME] = load(shop.registry, NAME, first)


def test_a_shadow_says_it_of_those_who_came(person: Person, shop: Shop) -> None:
    serves(shop, "one", 1, ShadowReport(shadow=2, answered_by=1, count=200, changed=30))
    found = person.get(JSON).json()
    assert (found["basis"], found["decisions"], found["changed"]) == ("shadow", 200, 0.15)
    assert "15.0 % would change" in person.get(URL, **HTMX).text


def test_the_log_says_it_of_the_newest_decisions(shop: Shop) -> None:
    shop.decisions = Log([a_decision(acted=number < 20, model=NAME) for number in range(60)])
    found = holder_over(shop).get(JSON).json()
    assert (found["basis"], found["decisions"]) == ("log", 60)
    assert (found["more"], found["fewer"]) == (40, 0)  # nobody bought anything: 0.5


def test_too_few_decisions_say_nothing(shop: Shop) -> None:
    shop.decisions = Log([a_decision(model=NAME)] * 3)
    assert holder_over(shop).get(JSON).json()["basis"] == "sample"


def test_else_a_sample_of_customers_says_it(person: Person, shop: Shop) -> None:
    for number in range(40):
        spent = 4_000 if number < 10 else 1
        bought = a_purchase(customer_id=f"customer-{number}", amount_minor=spent)
        asyncio.run(shop.record([bought]))
    found = person.get(JSON).json()
    assert (found["basis"], found["beside"], found["decisions"]) == ("sample", 1, 40)
    assert (found["more"], found["fewer"], found["changed"]) == (0, 10, 0.25)
    assert "25.0 % would change" in person.get(URL, **HTMX).text


def test_of_nobody_nothing_is_said(person: Person) -> None:
    found = person.get(JSON).json()
    assert (found["basis"], found["decisions"], found["changed"]) == ("sample", 0, None)
    assert "Nobody knows yet" in person.get(URL, **HTMX).text


def test_a_model_that_does_not_serve_here_is_not_found(person: Person) -> None:
    assert person.get("/console/models/another/versions/1/preview").status_code == 404

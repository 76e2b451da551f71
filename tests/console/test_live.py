"""The page of what serves now: processes, shadows, drift, and what came of it."""

import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest

from domain.drift import Reference, tally_of
from domain.values import MICROS_PER_SECOND
from model_registry.serving import TTL_S, AskedDays, ShadowReport
from model_registry.serving.asked import day_of
from tests.api.conftest import Shop
from tests.builders import DAY, a_purchase, a_traffic
from tests.console.conftest import Person
from tests.console.test_models import holder_over
from tests.fakes import SaturatingScorer
from tests.registries import NAME, a_candidate
from tests.unit.test_otherwise import Log, a_decision

URL = "/console/live"
HTMX = {"hx-request": "true"}


@pytest.fixture(autouse=True)
def _promoted(shop: Shop) -> None:
    for version in (1, 2):
        shop.registry.register(NAME, a_candidate(version / 10), actor="tests")
    for version in (1, 2, 1):
        shop.registry.promote(NAME, version, actor="tests", reason="why")


def serves(shop: Shop, process: str, revision: int, *shadows: ShadowReport) -> None:
    traffic = a_traffic(SaturatingScorer(), version=1)
    served = replace(traffic, champion=replace(traffic.champion, revision=revision))
    problems = () if revision == 3 else ("a blob is missing",)
    shop.presence.publish(NAME, process, traffic=served, problems=problems, shadows=shadows)


def test_each_process_says_how_far_behind_it_is(person: Person, shop: Shop) -> None:
    serves(shop, "one", 3)
    serves(shop, "other", 1)
    found = person.get(f"{URL}?format=json").json()["models"][0]
    assert [(each["process"], each["behind"]) for each in found["processes"]] == [
        ("one", 0),
        ("other", 2),
    ]
    page = person.get(URL).text
    assert "1 of 2 processes are behind" in page
    assert "a blob is missing" in page


def test_a_silent_process_is_gone(person: Person, shop: Shop) -> None:
    serves(shop, "one", 3)
    shop.clock.now += int((TTL_S + 1) * MICROS_PER_SECOND)
    assert person.get(f"{URL}?format=json").json()["models"][0]["processes"] == []
    assert "nobody serves it" in person.get(URL).text


def test_shadows_say_how_often_they_would_decide_otherwise(person: Person, shop: Shop) -> None:
    serves(shop, "one", 3, ShadowReport(shadow=2, answered_by=1, count=50, changed=10))
    serves(shop, "two", 3, ShadowReport(shadow=2, answered_by=1, count=50, changed=0))
    found = person.get(f"{URL}?format=json").json()["models"][0]["shadows"]
    assert [(each["count"], each["changed_rate"]) for each in found] == [(100, 0.1)]
    assert "10.0 %" in person.get(URL).text


def test_a_version_without_a_reference_says_why_nobody_can_tell(person: Person) -> None:
    found = person.get(f"{URL}/{NAME}/drift/1?format=json").json()
    assert found["state"] == "unknown"
    assert "Nobody can tell" in person.get(f"{URL}/{NAME}/drift/1", **HTMX).text


def test_drift_is_told_day_by_day(person: Person, shop: Shop) -> None:
    lots = np.random.default_rng(3)
    spent, scores = lots.lognormal(3.0, 1.0, (1_000, 1)), lots.random(1_000)
    reference = Reference.of(a_candidate().features, spent, scores, np.arange(1_000))
    shop.registry.register(NAME, replace(a_candidate(), reference=reference), actor="tests")
    days, today = AskedDays(store=shop.statuses), day_of(shop.clock())
    for day, times in ((today - 2, 1.0), (today - 1, 20.0)):
        tally = tally_of(reference.codes(np.column_stack([spent * times, scores])))
        days.put(NAME, 3, day, process="one", tally=tally)
    found = person.get(f"{URL}/{NAME}/drift/3?format=json").json()
    assert found["state"] == "drift"
    assert [each["state"] for each in found["days"]] == [
        *["not enough"] * 11,
        "none",
        "drift",
        "not enough",
    ]
    page = person.get(f"{URL}/{NAME}/drift/3", **HTMX).text
    assert page.count("<svg") == 2
    assert "total_purchase_volume_30d" in page


def test_where_no_decisions_are_kept_the_setting_is_named(person: Person) -> None:
    found = person.get(f"{URL}/{NAME}/outcomes?format=json").json()
    assert (found["logged"], found["report"]) == (False, None)
    assert "PROPENSITY_DECISION_LOG" in person.get(f"{URL}/{NAME}/outcomes", **HTMX).text


def test_outcomes_are_found_out_in_the_background_and_kept(shop: Shop) -> None:
    asked_at = shop.clock() - 40 * DAY
    for number in range(40):
        if number % 2:
            bought = a_purchase(customer_id=f"customer-{number}", purchased_at=asked_at + DAY)
            asyncio.run(shop.record([bought]))
    shop.decisions = Log(
        [
            replace(a_decision(at=asked_at, model=NAME), customer_id=f"customer-{number}")
            for number in range(40)
        ]
    )
    person = holder_over(shop)
    while (found := person.get(f"{URL}/{NAME}/outcomes?format=json").json())["at"] is None:
        time.sleep(0.01)
    assert (found["problem"], found["report"]["due"]) == ("", 40)
    arm = found["report"]["arms"][0]
    assert (arm["customers"], arm["bought"], arm["predicted"]) == (40, 0.5, pytest.approx(0.1))
    assert arm["low"] < 0.5 < arm["high"]
    piece = person.get(f"{URL}/{NAME}/outcomes", **HTMX).text
    assert "again after an hour" in piece
    assert piece.count("<svg") == 2


@pytest.mark.parametrize("path", [f"{NAME}/drift/9", "nobody/drift/1", "nobody/outcomes"])
def test_what_is_not_there_is_not_found(path: str, person: Person) -> None:
    assert person.get(f"{URL}/{path}").status_code == 404

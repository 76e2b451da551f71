"""The pages of models: what they show, and that nothing changes but what was asked for."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape

import numpy as np
import pytest
from litestar.testing import TestClient

from domain.keys import Scope
from model_registry.storage import layout
from model_registry.versions import Candidate, HeldOut
from tests.api.conftest import Shop
from tests.console.conftest import EVERY_KEY, ORIGIN, Person, console_over, holder_of
from tests.pictures import hostile_texts
from tests.registries import NAME, FragileStore, a_candidate, a_registry

URL = f"/console/models/{NAME}"
ACTS: Mapping[str, Mapping[str, str]] = {
    "promote": {"version": "3"},
    "split": {"version": "3", "share": "5"},
    "shadow": {"shadow": "3"},
    "rollback": {"to": "1"},
}


def a_judged_candidate(weight: float) -> Candidate:
    """A candidate with what its held-out customers did."""
    lots = np.random.default_rng(7)
    probabilities = lots.uniform(size=400)
    bought = lots.uniform(size=400) < probabilities
    held_out = HeldOut("a" * 64, bought, probabilities**weight)
    candidate = a_candidate(weight)
    return replace(candidate, held_out=held_out)


@pytest.fixture(autouse=True)
def _versions(shop: Shop) -> None:
    for version in range(1, 5):
        shop.registry.register(NAME, a_judged_candidate(version / 4), actor="tests")
    for version in (2, 1):
        shop.registry.promote(NAME, version, actor="tests", reason=f"because of {version}")


def test_every_model_is_listed_with_its_versions(person: Person) -> None:
    page = person.get("/console/models")
    assert page.status_code == 200
    found = person.get("/console/models?format=json").json()["models"]
    assert [(each["name"], each["champion"]) for each in found] == [(NAME, 1)]
    assert [each["version"] for each in found[0]["versions"]] == [4, 3, 2, 1]
    assert f'href="{URL}?version=4"' in page.text


def test_a_model_shows_two_versions_and_its_history(person: Person) -> None:
    found = person.get(f"{URL}?version=3&beside=2&format=json").json()
    assert (found["version"], found["beside"], found["revision"]) == (3, 2, 2)
    assert [each["version"] for each in found["curves"]] == [3, 2]
    assert [each["reason"] for each in found["history"]] == ["because of 1", "because of 2"]
    assert found["back_to"]["revision"] == 1
    page = person.get(f"{URL}?version=3&beside=2").text
    assert "Promote version 3" in page
    assert "because of 2" in page


def test_without_a_choice_the_newest_stands_beside_the_champion(person: Person) -> None:
    found = person.get(f"{URL}?format=json").json()
    assert (found["version"], found["beside"]) == (4, 1)


def test_the_gates_are_asked_before_anything_is_done(person: Person, shop: Shop) -> None:
    found = person.get(f"{URL}/versions/3/findings?format=json").json()
    assert [each["gate"] for each in found["gates"]][-2:] == ["quality", "latency"]
    assert all(each["passed"] for each in found["gates"])
    assert len(shop.registry.history(NAME)) == 2


def test_a_gate_that_would_refuse_says_so(person: Person, shop: Shop) -> None:
    worse = replace(a_candidate(0.9), metrics={"log_loss": 0.6, "base_rate_log_loss": 0.61})
    better = replace(a_candidate(0.8), metrics={"log_loss": 0.3, "base_rate_log_loss": 0.61})
    for each in (better, worse):
        shop.registry.register(NAME, each, actor="tests")
    shop.registry.promote(NAME, 5, actor="tests", reason="why")
    found = person.get(f"{URL}/versions/6/findings?format=json").json()
    assert [each["gate"] for each in found["gates"] if not each["passed"]] == ["quality"]
    answer = person.do(f"{URL}/promote", version="6", revision="3", reason="try it")
    assert answer.status_code == 409
    assert "Overrule" in answer.text
    answer = person.do(f"{URL}/promote", version="6", revision="3", reason="try it", force="on")
    assert answer.status_code == 303
    assert shop.registry.history(NAME)[-1].forced


def test_two_versions_are_compared_on_the_same_customers(person: Person) -> None:
    found = person.get(f"{URL}/compared/3/2?format=json").json()
    assert found["customers"] == 400
    assert {each["metric"] for each in found["metrics"]} == {"auc", "log_loss", "brier", "ece"}
    assert all(each["difference"] is not None for each in found["metrics"])


def test_pictures_come_with_their_tables_and_stay(person: Person) -> None:
    piece = person.get(f"{URL}/pictures?version=3&beside=2", **{"hx-request": "true"}).text
    assert piece.count("<svg") == 6  # three pictures, each wide and narrow
    assert piece.count("<table") == 3
    assert "<svg" in person.get(f"{URL}?version=3&beside=2").text


def test_a_report_is_one_file_to_keep(person: Person) -> None:
    answer = person.get(f"{URL}/versions/3/report?beside=2")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{NAME}-3.html"'
    assert "version 3" in answer.text


@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_done_and_told(act: str, person: Person, shop: Shop) -> None:
    answer = person.do(f"{URL}/{act}", revision="2", reason=f"{act} it", **ACTS[act])
    assert answer.status_code == 303
    assert answer.headers["location"] == URL
    newest = shop.registry.history(NAME)[-1]
    assert (newest.number, newest.action, newest.reason) == (3, act, f"{act} it")
    assert newest.actor == "tests"
    entries = shop.audit_log.entries(since=0, until=shop.clock() + 1)
    assert [(each.act, each.outcome) for each in entries] == [(act, "begun")]
    assert "Revision 3" in person.get(URL).text


@pytest.mark.parametrize("act", ACTS)
def test_an_act_on_what_is_no_longer_so_changes_nothing(
    act: str, person: Person, shop: Shop
) -> None:
    answer = person.do(f"{URL}/{act}", revision="1", reason="typed with care", **ACTS[act])
    assert answer.status_code == 409
    assert 'value="typed with care"' in answer.text
    assert "somebody was quicker" in answer.text
    assert 'name="revision" value="2"' in answer.text
    assert len(shop.registry.history(NAME)) == 2


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("reason", ["", " "])
def test_an_act_needs_a_reason(act: str, reason: str, person: Person, shop: Shop) -> None:
    answer = person.do(f"{URL}/{act}", revision="2", reason=reason, **ACTS[act])
    assert answer.status_code == 400
    assert len(shop.registry.history(NAME)) == 2


@pytest.mark.parametrize("act", ACTS)
def test_an_act_needs_the_scope_and_the_token(act: str, stranger: Person, shop: Shop) -> None:
    reader = holder_of(stranger, Scope.MODELS_READ)
    page = reader.get(f"{URL}?version=3").text
    assert '<form method="post" action="/console/models' not in page
    fields = {"revision": "2", "reason": "why", **ACTS[act]}
    assert reader.do(f"{URL}/{act}", **fields).status_code == 403
    keeper = holder_of(stranger, Scope.MODELS_MANAGE)
    keeper.token = "another one"  # noqa: S105  # of no session
    assert keeper.do(f"{URL}/{act}", **fields).status_code == 403
    assert len(shop.registry.history(NAME)) == 2


@pytest.mark.parametrize(
    ("act", "field", "value"),
    [
        ("promote", "version", "two"),
        ("promote", "version", "0"),
        ("promote", "revision", "-1"),
        ("split", "share", "101"),
        ("split", "share", "much"),
        ("shadow", "shadow", "3 3"),
        ("rollback", "to", ""),
    ],
)
def test_what_makes_no_sense_is_refused(
    act: str, field: str, value: str, person: Person, shop: Shop
) -> None:
    fields = {"revision": "2", "reason": "why", **ACTS[act], field: value}
    assert person.do(f"{URL}/{act}", **fields).status_code == 400
    assert len(shop.registry.history(NAME)) == 2


def test_a_share_of_a_challenger_is_changed_and_ended(person: Person, shop: Shop) -> None:
    for revision, share in ((2, "5"), (3, "12.5 %"), (4, "0")):
        fields = {"version": "3", "revision": str(revision), "reason": "why", "share": share}
        assert person.do(f"{URL}/split", **fields).status_code == 303
    shares = [each.state.basis_points for each in shop.registry.history(NAME)]
    assert shares == [0, 0, 500, 1250, 0]


def test_damage_is_said_and_hides_nothing_else(shop: Shop) -> None:
    store = FragileStore()
    shop.registry = a_registry(store)
    for version in (1, 2):
        shop.registry.register(NAME, a_judged_candidate(version / 4), actor="tests")
    store.overwrite(layout.manifest_key(NAME, 1), b"{}")
    with_damage = holder_over(shop)
    found = with_damage.get("/console/models?format=json").json()["models"][0]
    assert [bool(each["trouble"]) for each in found["versions"]] == [False, True]
    assert "Cannot be read" in with_damage.get(URL).text


def holder_over(shop: Shop) -> Person:
    """Somebody signed in to the console over the shop as it is now."""
    person = Person(TestClient(console_over(shop), base_url=ORIGIN))
    person.sign_in(EVERY_KEY)
    return person


@pytest.mark.parametrize("path", ["nobody", f"{NAME}?version=9", f"{NAME}?beside=9", "No%20name"])
def test_what_is_not_there_is_a_page(path: str, person: Person) -> None:
    assert person.get(f"/console/models/{path}").status_code in {400, 404}


def test_hostile_reasons_are_text(person: Person, shop: Shop) -> None:
    for number, text in enumerate(hostile_texts(), start=2):
        if not text.strip():
            continue
        shop.registry.shadow(NAME, [3 + number % 2], actor=text, reason=text)
    page = person.get(URL).text
    for text in hostile_texts():
        if "<" in text:
            assert text not in page
    refused = person.do(f"{URL}/promote", version="3", revision="1", reason='"><script>alert(1)')
    assert escape('"><script>alert(1)', quote=False).replace('"', "&#34;") in refused.text
    assert "<script>alert" not in refused.text

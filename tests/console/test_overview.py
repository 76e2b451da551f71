"""The first page: what needs somebody comes first, and calm is said where nothing does."""

import asyncio

import pytest

from adapters.pictures import VegaDrawings
from api.console.documents.live import Drift, LiveModel, Process
from api.console.documents.outcomes import ArmCame, OutcomesReport, Promise
from api.console.documents.overview import at_once, of_drift, of_outcomes
from api.documents.doctor import Finding
from api.documents.drift import DriftReport
from domain.keys import Scope
from tests.api.conftest import Shop
from tests.console.conftest import Person, holder_of
from tests.console.test_live import serves
from tests.registries import NAME, a_candidate

HTMX = {"hx-request": "true"}


@pytest.fixture(autouse=True)
def _promoted(shop: Shop) -> None:
    for version in (1, 2):
        shop.registry.register(NAME, a_candidate(version / 10), actor="tests")
    for version in (1, 2, 1):
        shop.registry.promote(NAME, version, actor="tests", reason="why")


def a_model(*processes: Process, revision: int = 3, trouble: str = "") -> LiveModel:
    return LiveModel(
        name=NAME,
        revision=revision,
        since=None,
        answering=[1],
        share=0.0,
        processes=list(processes),
        shadows=[],
        trouble=trouble,
    )


def a_process(revision: int = 3, problem: str = "") -> Process:
    return Process(
        process="one", revision=revision, version=1, behind=3 - revision, problem=problem, age_s=1.0
    )


def test_nothing_to_do_is_said_calmly(person: Person, shop: Shop) -> None:
    serves(shop, "one", 3)
    found = person.get("/console/attention?format=json").json()
    assert found == {"found": [], "looked_at": ["what serves", "drift", "dead letters"]}
    assert "Nothing needs you" in person.get("/console/attention", **HTMX).text


def test_what_this_process_could_not_load_comes_first(person: Person, shop: Shop) -> None:
    shop.problems = ["revision 3: a blob is missing"]
    serves(shop, "one", 2)
    found = person.get("/console?format=json").json()["attention"]
    assert [each["level"] for each in found] == ["bad", "bad"]
    assert "a blob is missing" in found[0]["what"]
    page = person.get("/console").text
    assert page.index("a blob is missing") < page.index("Who answers?")


def test_a_problem_that_processes_share_is_told_once() -> None:
    both = a_model(a_process(1, "a blob is missing"), a_process(1, "a blob is missing"))
    assert len(at_once([both], [(NAME, "a blob is missing")])) == 1


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        (a_model(a_process()), []),
        (a_model(), ["warn"]),
        (a_model(a_process(2)), ["warn"]),
        (a_model(a_process(2, "no")), ["bad"]),
        (a_model(a_process(2), trouble="a gap"), ["bad", "warn"]),
        (a_model(revision=0), []),
    ],
)
def test_each_trouble_needs_somebody(model: LiveModel, levels: list[str]) -> None:
    found = at_once([model], [])
    assert [each.level for each in found] == levels
    assert all(each.do and each.path.startswith("/console/") for each in found)


@pytest.mark.parametrize(("state", "told"), [("drift", 1), ("none", 0), ("not enough", 0)])
def test_drift_needs_somebody(state: str, told: int) -> None:
    report = DriftReport(
        version=1,
        state=state,
        why_not="",
        day="2026-11-29",
        against=None,
        processes=1,
        customers=300,
        independent_customers=300.0,
        inputs=[],
    )
    drift = Drift(model=NAME, version=1, state=state, newest=report, days=[])
    assert len(list(of_drift(drift))) == told


@pytest.mark.parametrize("worse", [True, False])
def test_a_promise_that_is_not_kept_needs_somebody(worse: bool) -> None:
    promise = Promise(metric="auc", promised=0.8, came=0.7, worse=worse, other_customers=False)
    arm = ArmCame(
        version=1,
        arm="champion",
        horizon_days=30,
        decisions=100,
        customers=90,
        predicted=0.5,
        bought=0.4,
        low=0.3,
        high=0.5,
        promises=[promise],
        bins=[],
    )
    report = OutcomesReport(model=NAME, due=100, not_joined={}, sampled=1.0, arms=[arm], flags=[])
    assert len(list(of_outcomes(report))) == worse


def test_campaigns_are_for_holders_of_their_scope(stranger: Person) -> None:
    reader = holder_of(stranger, Scope.MODELS_READ)
    assert reader.get("/console?format=json").json()["campaigns"] is None


def test_where_requests_are_not_counted_the_setting_is_named(person: Person) -> None:
    assert person.get("/console?format=json").json()["traffic"] is None
    assert "PROPENSITY_METRICS_PORT" in person.get("/console").text
    assert person.get("/console/traffic").status_code == 404


def test_while_the_first_page_is_read_the_drawing_process_gets_ready(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []
    monkeypatch.setattr(VegaDrawings, "svg", lambda _, what, **__: drawn.append(what))
    person.get("/console")
    assert drawn == []
    person.get("/console/processes", **HTMX)  # as each page asks once it is there
    assert len(drawn) == 1


def test_the_navigation_says_how_many_processes_serve(person: Person, shop: Shop) -> None:
    assert "No process" in person.get("/console/processes", **HTMX).text
    serves(shop, "one", 3)
    assert "1 process on revision 3" in person.get("/console/processes", **HTMX).text
    serves(shop, "two", 2)
    assert "1 process is behind" in person.get("/console/processes", **HTMX).text


def test_dead_letters_need_somebody(person: Person, shop: Shop) -> None:
    serves(shop, "one", 3)
    asyncio.run(shop.letters.send("{}", reason="no JSON", group=None))
    found = person.get("/console/attention?format=json").json()["found"]
    assert [each["path"] for each in found] == ["/console/operations"]


def test_what_the_doctor_found_needs_somebody(person: Person, shop: Shop) -> None:
    shop.findings = [Finding(check="tables", ok=False, finding="are missing", fix="create them")]
    person.get("/console/operations/findings", **HTMX)
    found: list[dict[str, str]] = []
    for _ in range(100):
        found = person.get("/console/attention?format=json").json()["found"]
        if len(found) > 1:
            break
    assert "create them" in [each["do"] for each in found]

"""Models over HTTP: who may, what changes, and that a lost race changes nothing."""

import re
from typing import Any

import pytest
from httpx import Response

from domain.keys import Scope
from model_registry.serving import ShadowReport
from tests.api.conftest import SECRETS, Http, Shop, keyed
from tests.api.problems import field_of, problem_of
from tests.builders import a_served_model
from tests.fakes import SaturatingScorer
from tests.logged import lines_of
from tests.registries import NAME, a_candidate, golden_of, with_golden

URL = f"/v1/models/{NAME}"
READ = keyed(Scope.MODELS_READ)
MANAGE = {"authorization": f"bearer {SECRETS[Scope.MODELS_MANAGE]}"}
UNKNOWN_DRIFT = {
    "version": 1,
    "state": "unknown",
    "day": "2026-03-01",
    "against": None,
    "processes": 0,
    "customers": 0,
    "independent_customers": 0.0,
    "inputs": [],
}
READS = ["/v1/models", f"{URL}/versions/1", f"{URL}/revisions", f"{URL}/status"]
CHANGES: dict[str, dict[str, Any]] = {
    "promote": {"version": 2, "reason": "better"},
    "rollback": {"reason": "worse"},
    "split": {"version": 3, "basis_points": 500, "reason": "try"},
    "shadow": {"versions": [3, 4], "reason": "watch"},
}


@pytest.fixture(autouse=True)
def _versions(shop: Shop) -> None:
    for version in range(1, 5):
        shop.registry.register(NAME, a_candidate(version / 10), actor="tests")
    for version in (2, 1):
        shop.registry.promote(NAME, version, actor="tests", reason="why")


def post(http: Http, action: str, if_match: str | None = '"2"', **changes: object) -> Response:
    headers = MANAGE | ({} if if_match is None else {"if-match": if_match})
    return http.post(f"{URL}/{action}", json=CHANGES[action] | changes, headers=headers)


def test_versions_are_listed_with_what_they_serve_as(http: Http) -> None:
    post(http, "split")
    post(http, "shadow", '"3"', versions=[4])
    listed = http.get("/v1/models", headers=READ).json()["versions"]
    assert [(v["name"], v["version"], v["serves_as"]) for v in listed] == [
        (NAME, 1, "champion"),
        (NAME, 2, None),
        (NAME, 3, "challenger"),
        (NAME, 4, "shadow"),
    ]
    assert listed[0]["auc"] == 0.84
    version = http.get(f"{URL}/versions/3", headers=READ).json()
    assert (version["version"], version["features"]) == (3, ["total_purchase_volume_30d"])


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("promote", (2, None, 0, [])),
        ("rollback", (2, None, 0, [])),
        ("split", (1, 3, 500, [])),
        ("shadow", (1, None, 0, [3, 4])),
    ],
)
def test_a_change_is_a_revision_with_its_actor_and_number(
    http: Http, action: str, state: tuple[object, ...]
) -> None:
    answer = post(http, action)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"3"')
    revision = answer.json()
    fields = ("champion", "challenger", "basis_points", "shadows")
    assert tuple(revision[field] for field in fields) == state
    assert (revision["actor"], revision["action"]) == ("models:manage-tool", action)
    assert revision["gates"]
    history = http.get(f"{URL}/revisions", headers=READ)
    assert history.headers["etag"] == '"3"'
    assert history.json()["revisions"][-1] == revision


@pytest.mark.parametrize("action", CHANGES)
def test_a_lost_race_changes_nothing(http: Http, shop: Shop, action: str) -> None:
    problem = problem_of(post(http, action, '"1"'), 412, "revision-conflict")
    assert re.search(r"\b2\b.*'propensity'.*\b1\b", problem["detail"])
    for none in (None, "2", 'W/"2"', '"two"'):
        problem_of(post(http, action, none), 428, "precondition-required")
    assert len(shop.registry.history(NAME)) == 2
    assert post(http, action, "*").status_code == 200


def test_what_the_registry_refuses_is_told(http: Http) -> None:
    problem_of(post(http, "promote", version=9), 404, "unknown-version")
    problem_of(http.get("/v1/models/other/revisions", headers=READ), 404, "unknown-model")
    problem_of(http.get("/v1/models/other/status", headers=READ), 404, "unknown-model")
    assert field_of(http.get("/v1/models/A%20b/revisions", headers=READ)) == "name"
    assert field_of(post(http, "split", version=1)) == "version"
    assert field_of(post(http, "shadow", versions=[2, 2])) == "version"
    assert field_of(http.get("/v1/models?x=1", headers=READ)) == "x"
    for wrong in ({"version": 0}, {"reason": ""}, {"share": 5}, {"basis_points": 10_001}):
        problem_of(post(http, "split", **wrong), 400, "bad-request")
    for number in (0, 10**300):
        problem_of(http.get(f"{URL}/versions/{number}", headers=READ), 400, "bad-request")
        problem_of(post(http, "promote", version=number), 400, "bad-request")
        problem_of(post(http, "rollback", to_revision=number), 400, "bad-request")


def test_what_a_gate_refuses_is_told_and_logged(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = with_golden(a_candidate(), golden_of([[0.0]], [0.25]))
    shop.registry.register(NAME, wrong, actor="tests")
    problem_of(post(http, "promote", version=5), 409, "gate-failed")
    (line,) = [line for line in lines_of(caplog) if line["event"] == "gate_refused"]
    assert (line["model"], line["gate"]) == (NAME, "golden")
    assert line["request_id"]


def test_the_status_names_every_process_and_whether_it_follows(http: Http, shop: Shop) -> None:
    told = http.get(f"{URL}/status", headers=READ).json()
    assert "train it again" in told["drift"][0].pop("why_not")
    assert told == {
        "name": NAME,
        "revision": 2,
        "converged": False,
        "processes": [],
        "shadows": [],
        "drift": [UNKNOWN_DRIFT],
    }
    traffic = shop.traffic()
    assert traffic.champion.revision == a_served_model(SaturatingScorer()).revision == 1
    for number, shadowed in enumerate((3, 1)):
        report = ShadowReport(
            shadow=9, answered_by=7, count=shadowed + 1, failed=1, changed=1, difference_sum=0.5
        )
        shop.presence.publish(
            NAME, f"host-{number}", traffic=traffic, problems=["slow"], shadows=[report]
        )
    status = http.get(f"{URL}/status", headers=READ).json()
    assert status["converged"] is False
    process, _ = status["processes"]
    assert (process["process"], process["revision"], process["version"]) == ("host-0", 1, 7)
    (shadow,) = status["shadows"]
    assert (shadow["shadow"], shadow["count"], shadow["failed"]) == (9, 6, 2)
    assert (shadow["mean_difference"], shadow["changed_rate"]) == (0.25, 0.5)
    assert shadow["rank_agreement"] is None
    assert process["problem"] == "slow"

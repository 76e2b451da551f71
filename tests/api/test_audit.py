"""Every act that changes something for others is written down before it is done."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import app
from domain.audit import Act, Outcome
from domain.errors import StoreUnavailable
from domain.keys import Scope
from tests.api.conftest import Http, Shop, keyed
from tests.api.problems import problem_of
from tests.builders import NOW
from tests.registries import NAME, a_candidate

ERASE = "/v1/erasures"
CUSTOMER = {"customer_id": "canary-customer"}


def entries(shop: Shop) -> list[tuple[str, str, str, str | None, str]]:
    found = shop.audit_log.entries(since=NOW, until=NOW + 1)
    return [(e.actor, e.act, e.target, e.name, e.outcome) for e in found]


def test_acts_over_http_are_written_with_their_actor_and_request(http: Http, shop: Shop) -> None:
    for version in (1, 2):
        shop.registry.register(NAME, a_candidate(version / 10), actor="tests")
    manage = keyed(Scope.MODELS_MANAGE) | {"if-match": "*"}
    http.post(f"/v1/models/{NAME}/promote", json={"version": 1, "reason": "x"}, headers=manage)
    http.post(
        ERASE, json=CUSTOMER, headers=keyed(Scope.ERASE) | {"x-request-id": "from-the-proxy-7"}
    )
    new = {"actor": "mail", "scopes": ["audience"]}
    created = http.post("/v1/keys", json=new, headers=keyed(Scope.KEYS_MANAGE)).json()
    key_id = created["key"]["key_id"]
    assert sorted(entries(shop)) == sorted(
        [
            ("models:manage-tool", Act.PROMOTE, "model", f"{NAME}@1", Outcome.BEGUN),
            ("erase-tool", Act.ERASE, "customer", None, Outcome.BEGUN),
            ("keys:manage-tool", Act.CREATE_KEY, "key", "mail", Outcome.BEGUN),
        ]
    )
    found = shop.audit_log.entries(since=NOW, until=NOW + 1)
    assert "from-the-proxy-7" in {entry.request_id for entry in found}
    kept = str(found)
    assert "canary-customer" not in kept
    assert created["secret"] not in kept
    http.post(f"/v1/keys/{key_id}/revoke", headers=keyed(Scope.KEYS_MANAGE))
    assert ("keys:manage-tool", Act.REVOKE_KEY, "key", key_id, Outcome.BEGUN) in entries(shop)


def test_an_act_that_was_refused_has_a_second_line(http: Http, shop: Shop) -> None:
    manage = keyed(Scope.MODELS_MANAGE) | {"if-match": "*"}
    answer = http.post(
        f"/v1/models/{NAME}/promote", json={"version": 9, "reason": "x"}, headers=manage
    )
    assert answer.status_code == 404
    assert [outcome for *_, outcome in entries(shop)] == [Outcome.BEGUN, Outcome.FAILED]


def test_what_cannot_be_written_down_is_not_done(http: Http, shop: Shop) -> None:
    def fails(_: object) -> None:
        raise StoreUnavailable("the audit is not kept")

    shop.audit_log.append = fails  # type: ignore[method-assign]
    problem_of(http.post(ERASE, json=CUSTOMER), 503, "store-unavailable")
    assert shop.suppressed_until == {}
    new = {"actor": "mail", "scopes": ["audience"]}
    problem_of(http.post("/v1/keys", json=new), 503, "store-unavailable")


def test_questions_are_no_acts(http: Http, shop: Shop) -> None:
    http.get("/v1/categories")
    http.get("/v1/keys")
    http.post("/v1/purchases", json={"purchases": []})
    assert entries(shop) == []


def test_commands_are_written_down_and_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_REGISTRY", str(home / "registry"))
    refused = CliRunner().invoke(app, ["models", "promote", "unknown", "1", "--reason", "try"])
    assert refused.exit_code != 0
    shown = json.loads(CliRunner().invoke(app, ["audit", "--json"]).stdout)
    assert [(e["act"], e["name"], e["outcome"]) for e in shown] == [
        ("promote", "unknown@1", "begun"),
        ("promote", "unknown@1", "failed"),
    ]
    assert all(e["request_id"].startswith("cli-") for e in shown)
    nobody = CliRunner().invoke(app, ["audit", "--json", "--actor", "nobody"]).stdout
    assert json.loads(nobody) == []

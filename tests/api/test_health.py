import re
from contextlib import closing

import pytest
from litestar.testing import TestClient

from adapters.dynamodb import DynamoTables
from adapters.listening import free_port
from api.http.connections import STOPPING
from api.http.services import Readiness
from domain.errors import StoreUnavailable
from tests.api.conftest import KEYS, Http, Shop, app_over
from tests.api.problems import problem_of
from tests.conftest import dynamo_client


def test_a_process_is_alive_whatever_its_store_does(http: Http, shop: Shop) -> None:
    shop.trouble, shop.live = StoreUnavailable("gone"), False
    response = http.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_ready_means_that_the_tables_answer_and_a_model_is_live(http: Http) -> None:
    response = http.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"tables": "ok", "model": "ok"}}


def test_a_server_that_stops_soon_is_not_ready_and_answers_all_else(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STOPPING, "announced", True)
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert members["checks"].pop("server")
    assert members["checks"] == {"tables": "ok", "model": "ok"}
    assert http.get("/livez").status_code == http.get("/v1/categories").status_code == 200


def test_a_server_whose_keys_are_too_old_is_not_ready(http: Http, shop: Shop) -> None:
    """It lets nobody in, so a load balancer must look elsewhere."""
    shop.keyring.replace(KEYS, asked_at=-60.0)
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert members["checks"].pop("keys")
    assert members["checks"] == {"tables": "ok", "model": "ok"}


def test_not_ready_names_the_tables(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("table purchases: connection refused")
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert members["detail"].endswith(": tables")
    assert members["checks"] == {"tables": "table purchases: connection refused", "model": "ok"}


def test_not_ready_names_tables_that_hang(http: Http, shop: Shop) -> None:
    shop.hangs = True
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert "0.01 s" in members["checks"].pop("tables")
    assert members["checks"] == {"model": "ok"}


def test_not_ready_names_the_model(http: Http, shop: Shop) -> None:
    shop.live = False
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert members["detail"].endswith(": model")


def test_a_newer_revision_that_was_not_loaded_is_named_though_ready(http: Http, shop: Shop) -> None:
    shop.problems = ["revision 8: version 3 fails the parity gate"]
    response = http.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    model = response.json()["checks"]["model"]
    assert re.match("ok; .*revision 8: version 3 fails the parity gate", model)


def test_an_engine_that_is_down_is_named_before_the_check_is_given_up(shop: Shop) -> None:
    client = dynamo_client(f"http://127.0.0.1:{free_port()}")
    readiness = Readiness(
        health=DynamoTables(client),
        traffic={"propensity": shop.traffic},
        problems=lambda _: (),
        timeout_s=client.options.read_deadline_s,
    )
    with closing(client), TestClient(app_over(shop, readiness=readiness)) as http:
        tables = problem_of(http.get("/readyz"), 503, "not-ready")["checks"]["tables"]
    assert client.options.table_prefix in tables

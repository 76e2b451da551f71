from domain.errors import StoreUnavailable
from tests.api.conftest import Http, Shop
from tests.api.problems import problem_of


def test_a_process_is_alive_whatever_its_store_does(http: Http, shop: Shop) -> None:
    shop.trouble, shop.live = StoreUnavailable("gone"), False
    response = http.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_ready_means_that_the_tables_answer_and_a_model_is_live(http: Http) -> None:
    response = http.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"tables": "ok", "model": "ok"}}


def test_not_ready_names_the_tables(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("table purchases: connection refused")
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert members["detail"] == "not ready: tables"
    assert members["checks"] == {"tables": "table purchases: connection refused", "model": "ok"}


def test_not_ready_names_tables_that_hang(http: Http, shop: Shop) -> None:
    shop.hangs = True
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert members["checks"] == {"tables": "no answer within 0.01 s", "model": "ok"}


def test_not_ready_names_the_model(http: Http, shop: Shop) -> None:
    shop.live = False
    members = problem_of(http.get("/readyz"), 503, "not-ready")
    assert members["detail"] == "not ready: model"

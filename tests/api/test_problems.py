import logging
import re
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.errors import CorruptRecord, StoreUnavailable
from tests.api.conftest import Http, Shop, app_over
from tests.api.problems import problem_of
from tests.logged import lines_of


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/customers//propensity", "/docs/redoc", "/docs/static/no.js", "/%FF"]
)
def test_an_unknown_path_is_a_problem(http: Http, path: str) -> None:
    problem_of(http.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("HEAD", "/v1/purchases", {"POST", "OPTIONS"}),
        ("DELETE", "/v1/customers/c/propensity", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/purchases", {"POST", "OPTIONS"}),
        ("PURGE", "/readyz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_another_method_is_a_problem_that_lists_the_allowed_ones(
    http: Http, method: str, path: str, allowed: set[str]
) -> None:
    response = http.request(method, path)
    assert set(response.headers["allow"].split(", ")) == allowed
    if method == "HEAD":
        assert response.status_code == 405
    else:
        problem_of(response, 405, "method-not-allowed")


def test_an_invalid_host_header_is_a_problem(http: Http) -> None:
    problem_of(http.get("/livez", headers={"host": "a b"}), 400, "bad-request")


def test_an_unexpected_exception_is_logged_without_a_customer_and_tells_nothing(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.trouble = RuntimeError("customer-1 lives in Rome")
    members = problem_of(http.get("/v1/customers/customer-1/propensity"), 500, "internal-error")
    (line,) = lines_of(caplog)
    assert (line["event"], line["level"]) == ("request_crashed", "error")
    assert (line["method"], line["error"]) == ("GET", "RuntimeError")
    assert line["route"] == "/v1/customers/{customer_id}/propensity"
    assert "conftest.py" in line["exception"]
    for secret in ("customer-1", "Rome"):
        assert secret not in str(members)
        assert secret not in caplog.text


def test_the_cause_of_an_unexpected_exception_is_logged_too(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.trouble = RuntimeError()
    shop.trouble.__cause__ = ZeroDivisionError()
    http.get("/v1/customers/customer-1/propensity")
    (line,) = lines_of(caplog)
    assert re.search(r"ZeroDivisionError\n.*\n", line["exception"])


@pytest.mark.parametrize("trouble", [StoreUnavailable("table purchases"), CorruptRecord("p-17")])
def test_what_a_human_may_have_to_look_at_is_logged(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture, trouble: Exception
) -> None:
    shop.trouble = trouble
    http.get("/v1/customers/customer-1/propensity")
    assert str(trouble) in caplog.text
    assert "customer-1" not in caplog.text


@pytest.mark.anyio
async def test_a_client_that_disconnects_within_its_body_is_no_error(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="api")
    messages = iter(
        [
            {"type": "http.request", "body": b'{"purch', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Any:
        return next(messages)

    async def send(_: Any) -> None:
        pass

    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/v1/purchases",
        "headers": [(b"content-type", b"application/json"), (b"host", b"shop")],
        "query_string": b"",
        "client": None,
        "server": None,
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "extensions": {},
    }
    await app_over(shop)(scope, receive, send)
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]
    assert not shop.purchases


def test_a_good_request_logs_nothing(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="api")
    caplog.set_level(logging.INFO, logger="litestar")
    http.get("/v1/customers/customer-1/propensity")
    assert [record for record in caplog.records if record.name != "httpx"] == []


def test_the_services_are_closed_once_when_the_application_stops(shop: Shop) -> None:
    with TestClient(app_over(shop)) as http:
        http.get("/livez")
        assert shop.closed == 0
    assert shop.closed == 1


def test_options_lists_the_methods_of_every_path(http: Http) -> None:
    for path, of in http.get("/docs/openapi.json").json()["paths"].items():
        answer = http.options(re.sub(r"{\w+}", "1", path))
        assert answer.status_code == 204
        allowed = set(answer.headers["allow"].split(", ")) - {"HEAD"}
        assert allowed == {method.upper() for method in of} | {"OPTIONS"}

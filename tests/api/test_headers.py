"""Headers of answers: the request's id, who may keep the answer, and what a page may do."""

import re

import pytest

from tests.api.conftest import Http, Shop, client_of
from tests.api.problems import problem_of


@pytest.mark.parametrize("path", ["/livez", "/v1/categories", "/nothing", "/docs", "/snippet.js"])
def test_a_requests_id_is_echoed_or_made(http: Http, path: str) -> None:
    assert http.get(path, headers={"x-request-id": "a-1.B_2"}).headers["x-request-id"] == "a-1.B_2"
    made = {http.get(path).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    for odd in ("a b", "x" * 129, "a\tb", "<script>", ""):
        answer = http.get(path, headers={"x-request-id": odd})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.mark.parametrize(
    "path", ["/v1/customers/c/propensity", "/v1/categories", "/v1/keys", "/livez", "/nothing"]
)
def test_nobody_keeps_what_is_about_customers(http: Http, path: str) -> None:
    assert http.get(path).headers["cache-control"] == "no-store"
    assert http.head(path).headers["cache-control"] == "no-store"


def test_errors_have_the_headers_too(shop: Shop) -> None:
    shop.trouble = RuntimeError("unexpected")
    with client_of(shop) as http:
        answer = http.get("/v1/customers/c/propensity", headers={"x-request-id": "mine"})
    problem_of(answer, 500, "internal-error")
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["cache-control"] == "no-store"


def test_pages_may_be_framed_by_nobody_and_load_from_here_only(http: Http) -> None:
    policy = http.get("/docs").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    for path in ("/docs", "/livez", "/snippet.js"):
        assert http.get(path).headers["x-content-type-options"] == "nosniff"


def test_no_header_names_the_software(http: Http) -> None:
    assert "server" not in http.get("/livez").headers

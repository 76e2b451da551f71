"""The short way to a route's function answers as Litestar's own way does."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.direct import Direct
from api.http.routes.ofrep import OFREP_ROUTES
from api.http.routes.propensity import propensity
from tests.api.conftest import EVERYTHING, Http, Shop, client_of
from tests.builders import a_purchase, raw_of

Ways = tuple[Http, Http]
PURCHASE = a_purchase(customer_id="c-1")
GOOD = ["2026-03-01T00:00:00Z", "true", "strong", "eventual", "propensity", "grocery"]
QUERY = st.lists(
    st.tuples(
        st.sampled_from(["as_of", "model", "category", "explain", "consistency", "asof"]),
        st.sampled_from([*GOOD, "", "nobody", "yesterday"]) | st.text(max_size=8),
    ),
    max_size=3,
).map(urlencode)
CUSTOMERS = st.sampled_from(["c-1", "a%2Fb", "%FF", "%20", "a%zz", ".."]) | st.text(
    min_size=1, max_size=8
).map(lambda text: quote(text, safe=""))
FLAGS = st.sampled_from(["", "/banner", "/banner", "/nothing", "/%FF"])
BODIES = st.sampled_from(
    [
        b"",
        b"null",
        b"{",
        b"[]",
        b"{}",
        b'{"context":[]}',
        b'{"context":{}}',
        b'{"context":{"targetingKey":"c-1"}}',
        b'{"context":{"targetingKey":7}}',
        b'{"context":{"targetingKey":" "}}',
        b'{"context":{"targetingKey":"c-1","targetingKey":"c-2"}}',
        b'{"context":{"targetingKey":"' + b"x" * 20_000 + b'"}}',
    ]
)


@pytest.fixture(scope="module")
def ways() -> Iterator[Ways]:
    """Two applications over one store: as it is, and by Litestar's own way."""
    shop = Shop()
    with pytest.MonkeyPatch.context() as patched, client_of(shop) as short:
        for route in (propensity, *OFREP_ROUTES):
            assert Direct in (route.middleware or ())
            patched.setattr(route, "middleware", ())
        with client_of(shop) as usual:
            patched.undo()
            short.post("/v1/purchases", json={"purchases": [raw_of(PURCHASE)]})
            yield short, usual


def answers(ways: Ways, method: str, path: str, body: bytes = b"", etag: str = "") -> None:
    """Both ways answer the same."""
    sent = {"x-request-id": "one", "if-none-match": etag, "content-type": "application/json"}
    found = [
        each.request(method, path, content=body, headers={**EVERYTHING, **sent}) for each in ways
    ]
    first, second = [(each.status_code, dict(each.headers), each.content) for each in found]
    assert first == second


@given(CUSTOMERS, QUERY, st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]))
def test_propensities(ways: Ways, customer: str, query: str, method: str) -> None:
    answers(ways, method, f"/v1/customers/{customer}/propensity?{query}")


@given(FLAGS, BODIES, st.sampled_from(["POST", "POST", "GET", "OPTIONS"]))
def test_flags(ways: Ways, flag: str, body: bytes, method: str) -> None:
    answers(ways, method, f"/ofrep/v1/evaluate/flags{flag}", body)


def test_flags_that_did_not_change(ways: Ways) -> None:
    path, body = "/ofrep/v1/evaluate/flags", b'{"context":{"targetingKey":"c-1"}}'
    etag = ways[0].post(path, content=body, headers=EVERYTHING).headers["etag"]
    answers(ways, "POST", path, body, etag)


def test_with_a_key_that_is_none(ways: Ways) -> None:
    wrong = {"authorization": "Bearer pp_sk_0"}
    found = [each.get("/v1/customers/c-1/propensity", headers=wrong) for each in ways]
    assert [each.status_code for each in found] == [401, 401]
    assert found[0].content == found[1].content

"""Every route asks for one scope, or says that it is public; and nothing of it is done without."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from httpx import Response
from litestar.testing import TestClient

from api.http.access import SCOPE, Access, Openness
from domain.errors import StoreUnavailable
from domain.keys import Keyring, Rate, Scope
from tests.api.conftest import BROWSER, EVERYTHING, KEYS, SECRETS, Http, Shop, app_over, keyed
from tests.api.problems import problem_of
from tests.docs.pages import DOCS

PUBLIC = {"/", "/livez", "/readyz", "/docs", "/snippet.js", "/v2/health/live", "/v2/health/ready"}
ERASE = "/v1/erasures"
CUSTOMER = {"customer_id": "customer-1"}


def routes(shop: Shop) -> Iterator[tuple[str, str, str, Scope | None]]:
    """Method, template, a path of it and the scope of every route, also of those in no document."""
    for route in app_over(shop).routes:
        for handler in route.route_handlers:  # type: ignore[union-attr]  # there is no other kind
            template = re.sub(r":\w+}", "}", route.path)
            path = re.sub(r"{[^}]*}", "1", template)
            for method in set(getattr(handler, "http_methods", ())) - {"OPTIONS", "HEAD"}:
                yield method, template, path, handler.opt[SCOPE]


def of_scopes(shop: Shop) -> list[tuple[str, str, str, Scope]]:
    return [(*which, scope) for *which, scope in routes(shop) if scope is not None]  # type: ignore[misc]


@pytest.fixture
def http(shop: Shop) -> Iterator[Http]:
    """A client without a key, from elsewhere."""
    shop.access = Access(keyring=shop.keyring, openness=Openness.NONE)
    with TestClient(app_over(shop), raise_server_exceptions=False) as http:
        yield http


def test_only_these_routes_are_public(shop: Shop) -> None:
    public = {template for _, template, _, scope in routes(shop) if scope is None}
    assert {path for path in public if not path.startswith("/docs/")} == PUBLIC


def refused(answer: Response, path: str, status: int, slug: str) -> None:
    """A problem; or what the Open Inference Protocol has in its place."""
    if path.startswith("/v2"):
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
    else:
        problem_of(answer, status, slug)


def test_nothing_is_answered_without_a_known_key(http: Http, shop: Shop) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer " + SECRETS[Scope.ERASE][:-1] + "f"},
        {"authorization": f"Basic {SECRETS[Scope.ERASE]}"},
        {"x-api-key": "x" * 60},
        {"x-api-key": SECRETS[Scope.ERASE], **keyed(Scope.RECORD)},
        {"authorization": "Bearer"},
    ]
    for method, _, path, _ in of_scopes(shop):
        for headers in wrong:
            answer = http.request(method, path, headers=headers, content=b"{")
            refused(answer, path, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == 'Bearer realm="propensity"'


def test_a_scope_opens_its_routes_and_no_others(http: Http, shop: Shop) -> None:
    for method, template, path, scope in of_scopes(shop):
        for held, secret in SECRETS.items():
            for headers in ({"x-api-key": secret}, {"authorization": f"Bearer {secret}"}):
                answer = http.request(method, path, headers=headers, content=b"{")
                if held is scope:
                    assert answer.status_code not in {401, 403}, (template, held)
                else:
                    refused(answer, path, 403, "forbidden")
                    assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_a_publishable_key_opens_nothing_but_decisions(http: Http, shop: Shop) -> None:
    for method, _, path, scope in of_scopes(shop):
        if scope is not Scope.DECIDE:
            refused(http.request(method, path, headers=BROWSER), path, 403, "forbidden")


def test_a_request_without_its_scope_changes_nothing(http: Http, shop: Shop) -> None:
    purchases: dict[str, object] = {"purchases": [{}]}
    for scope in Scope:
        if scope is not Scope.ERASE:
            http.post(ERASE, json=CUSTOMER, headers=keyed(scope))
        if scope is not Scope.RECORD:
            http.post("/v1/purchases", json=purchases, headers=keyed(scope))
    assert shop.suppressed_until == {}
    assert shop.purchases == {}


def test_no_answer_and_no_log_repeats_a_key(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    canary = "pp_sk_canary000000_" + "c" * 48
    for method, _, path, _ in of_scopes(shop):
        for headers in ({"x-api-key": canary}, {"authorization": f"Bearer {canary}"}, EVERYTHING):
            answer = http.request(method, path, headers=headers, content=b"{")
            for secret in (canary, EVERYTHING["authorization"].rpartition("_")[2]):
                assert secret not in answer.text + str(answer.headers) + caplog.text


def test_keys_that_cannot_be_read_are_a_503_and_the_process_stays_alive(shop: Shop) -> None:
    unread = Keyring(clock=shop.clock, monotonic=lambda: 0.0)
    for openness in (Openness.NONE, Openness.LOOPBACK):
        shop.access = Access(keyring=unread, openness=openness)
        with TestClient(app_over(shop)) as http:
            problem_of(http.get("/v1/categories", headers=EVERYTHING), 503, "store-unavailable")
            assert http.get("/livez").status_code == 200


def loopback(shop: Shop, keyring: Keyring, address: str = "127.0.0.1") -> Http:
    shop.access = Access(keyring=keyring, openness=Openness.LOOPBACK)
    app = app_over(shop)

    async def from_address(scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = (address, 1)
        await app(scope, receive, send)

    wrapped: Any = from_address
    return TestClient(wrapped, base_url="http://127.0.0.1:8000")


def without_keys(shop: Shop) -> Keyring:
    keyring = Keyring(clock=shop.clock, monotonic=lambda: 0.0)
    keyring.replace([], asked_at=0.0)
    return keyring


def test_on_this_machine_and_without_any_key_nothing_needs_one(shop: Shop) -> None:
    http = loopback(shop, without_keys(shop))
    assert http.get("/v1/categories").status_code == 200
    assert http.post(ERASE, json=CUSTOMER).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "10.0.0.7:8000"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"x-forwarded-for": "203.0.113.7"},
        {"forwarded": "for=203.0.113.7"},
        {"via": "1.1 proxy"},
        {"x-real-ip": "203.0.113.7"},
        {"x-forwarded-proto": "https"},
    ],
)
def test_a_page_or_a_proxy_on_this_machine_needs_a_key(shop: Shop, headers: dict[str, str]) -> None:
    http = loopback(shop, without_keys(shop))
    problem_of(http.post(ERASE, json=CUSTOMER, headers=headers), 401, "unauthenticated")
    assert shop.suppressed_until == {}


def test_who_asks_from_elsewhere_needs_a_key_whatever_the_host_says(shop: Shop) -> None:
    http = loopback(shop, without_keys(shop), "203.0.113.7")
    problem_of(http.get("/v1/categories"), 401, "unauthenticated")


def test_the_first_key_closes_loopback_too_and_revoking_it_does_not_open_it(shop: Shop) -> None:
    keyring = without_keys(shop)
    http = loopback(shop, keyring)
    assert http.get("/v1/categories").status_code == 200
    (audience,) = [key for key in KEYS if key.scopes == {Scope.AUDIENCE}]
    for revoked_at in (None, 1):
        keyring.replace([replace(audience, revoked_at=revoked_at)], asked_at=0.0)
        problem_of(http.get("/v1/categories"), 401, "unauthenticated")


def test_open_access_answers_all_but_what_changes_something_for_others(shop: Shop) -> None:
    shop.access = Access(keyring=shop.keyring, openness=Openness.OPEN)
    with TestClient(app_over(shop)) as http:
        assert http.get("/v1/categories").status_code == 200
        problem_of(http.post(ERASE, json=CUSTOMER), 401, "unauthenticated")
        problem_of(http.get("/v1/keys"), 401, "unauthenticated")
        assert http.get("/v1/models").status_code == 200
        problem_of(http.get("/v1/categories", headers={"x-api-key": "x"}), 401, "unauthenticated")


def test_a_key_that_asks_too_often_waits(shop: Shop) -> None:
    keyring = Keyring(clock=shop.clock, monotonic=lambda: 0.0)
    keyring.replace([replace(key, rate=Rate(1, 2)) for key in KEYS], asked_at=0.0)
    shop.access = Access(keyring=keyring)
    with TestClient(app_over(shop)) as http:
        asked = [http.get("/v1/categories", headers=keyed(Scope.AUDIENCE)) for _ in range(3)]
        assert [answer.status_code for answer in asked] == [200, 200, 429]
        limits = {name: asked[2].headers[name] for name in ("retry-after", "ratelimit-limit")}
        assert limits == {"retry-after": "1", "ratelimit-limit": "2"}
        assert asked[2].json()["type"].endswith("too-many-requests")
        assert http.get("/v1/models", headers=keyed(Scope.MODELS_READ)).status_code == 200


def test_the_reference_names_the_scope_of_every_route(shop: Shop) -> None:
    page = (DOCS / "reference" / "http.md").read_text()
    listed = re.findall(r"^\| `([A-Z]+) (/[^`?]*)` \| (`[a-z:]+`|none) \|", page, re.MULTILINE)
    served = {
        (method, template, f"`{scope}`" if scope else "none")
        for method, template, _, scope in routes(shop)
        if not template.startswith("/docs") and template not in {"/", "/snippet.js"}
    }
    assert set(listed) == served


def test_keys_are_managed_over_http(http: Http) -> None:
    manage = keyed(Scope.KEYS_MANAGE)
    created = http.post(
        "/v1/keys", json={"actor": "mail", "scopes": ["audience"], "days": 30}, headers=manage
    )
    assert created.status_code == 201
    assert created.headers["cache-control"] == "no-store"
    key_id = created.json()["key"]["key_id"]
    rotated = http.post(f"/v1/keys/{key_id}/rotate", json={"overlap_s": 60}, headers=manage)
    assert rotated.json()["secret"] != created.json()["secret"]
    revoked = http.post(f"/v1/keys/{key_id}/revoke", headers=manage)
    assert revoked.json()["status"] == "revoked"
    listed = http.get("/v1/keys", headers=manage)
    (found,) = [key for key in listed.json()["keys"] if key["key_id"] == key_id]
    assert (found["actor"], found["scopes"], found["status"]) == ("mail", ["audience"], "revoked")
    for issued in (created, rotated):
        assert issued.json()["secret"].rpartition("_")[2] not in listed.text
    assert field(http, {"actor": "a b", "scopes": ["audience"]}) == "actor"
    assert field(http, {"actor": "a", "scopes": []}) == "scopes"
    assert field(http, {"actor": "a", "scopes": ["decide"], "kind": "publishable"}) == "origins"
    problem_of(http.post("/v1/keys/000000000abc/revoke", headers=manage), 404, "unknown-key")


def field(http: Http, body: dict[str, Any]) -> object:
    answer = http.post("/v1/keys", json=body, headers=keyed(Scope.KEYS_MANAGE))
    (error,) = problem_of(answer, 400, "invalid-request")["errors"]
    return error["field"]


def test_a_store_that_does_not_answer_creates_no_key(http: Http, shop: Shop) -> None:
    async def fails(_: object) -> None:
        raise StoreUnavailable("gone")

    shop.key_store.save = fails  # type: ignore[method-assign]
    answer = http.post(
        "/v1/keys", json={"actor": "a", "scopes": ["audience"]}, headers=keyed(Scope.KEYS_MANAGE)
    )
    problem_of(answer, 503, "store-unavailable")

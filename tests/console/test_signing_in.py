"""Who sees a page and who may act: sessions, tokens, origins, scopes."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from litestar.testing import TestClient

from api.console.rendering import ROOMS
from api.console.sessions import LASTS_S, Seals, Session
from api.console.signing_in import _SEEN, SECURE
from api.http.access import SCOPE, Access, Openness
from domain.keys import Keyring, Rate, Scope
from tests.api.conftest import KEYS, PUBLISHABLE, SECRETS, Shop
from tests.builders import NOW
from tests.console.conftest import EVERY_KEY, ORIGIN, Person, console_over, holder_of

COOKIE = "propensity_session"
ANYBODY = {"/console/login", "/console/logout", "/console/static/{file_path}", "/console/{path}"}


def pages(shop: Shop) -> Iterator[tuple[str, str, str, Scope | None]]:
    """Method, template, a path of it and the scope of every page and act of the console."""
    for route in console_over(shop).routes:
        for handler in route.route_handlers:  # type: ignore[union-attr]  # there is no other kind
            if not route.path.startswith("/console"):
                continue
            template = re.sub(r":\w+}", "}", route.path)
            path = re.sub(r"{[^}]*}", "1", template)
            for method in set(getattr(handler, "http_methods", ())) - {"OPTIONS", "HEAD"}:
                assert handler.opt[SCOPE] is None, "the console's own middleware asks for scopes"
                yield method, template, path, handler.opt[_SEEN]


def from_loopback(app: Any) -> Any:
    """The application as a program on this machine reaches it."""

    async def reached(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["client"] = ("127.0.0.1", 5)
        await app(scope, receive, send)

    return reached


def test_only_these_pages_are_for_anybody(shop: Shop) -> None:
    assert {template for _, template, _, scope in pages(shop) if scope is None} == ANYBODY


def test_nobody_sees_a_page_without_signing_in(stranger: Person, shop: Shop) -> None:
    for method, _, path, scope in pages(shop):
        if scope is None:
            continue
        answer = stranger.http.request(
            method, path, headers={"origin": ORIGIN}, follow_redirects=False
        )
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/login?next=/console")
        twin = stranger.http.request(method, f"{path}?format=json", headers={"origin": ORIGIN})
        assert twin.status_code == 401


def test_a_scope_opens_its_pages_and_no_others(stranger: Person, shop: Shop) -> None:
    for held in Scope:
        holder_of(stranger, held)
        for method, template, path, scope in pages(shop):
            if scope is None:
                continue
            answer = stranger.http.request(
                method,
                path,
                headers={"origin": ORIGIN, "x-csrf-token": stranger.token},
                follow_redirects=False,
            )
            allowed = answer.status_code not in {401, 403}
            assert allowed is (held is scope), (template, held, answer.status_code)


def test_every_act_needs_the_token_of_the_session(person: Person, shop: Shop) -> None:
    other = Session.new(None).token
    for method, template, path, scope in pages(shop):
        if method == "GET" or scope is None:
            continue
        for sent in ({}, {"x-csrf-token": other}, {"x-csrf-token": ""}):
            answer = person.http.request(method, path, headers={"origin": ORIGIN, **sent})
            assert answer.status_code == 403, template
            assert "earlier session" in answer.text


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://testserver.local.evil.example", None]
)
def test_every_act_needs_an_origin_of_ours(person: Person, shop: Shop, origin: str | None) -> None:
    for method, template, path, _ in pages(shop):
        if method == "GET":
            continue
        headers = {"x-csrf-token": person.token} | ({} if origin is None else {"origin": origin})
        answer = person.http.request(method, path, headers=headers, follow_redirects=False)
        assert answer.status_code == 403, template
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/console",
        "//evil.example",
        "/\\evil.example",
        "/console\\@evil.example",
        "/consolation",
        "javascript:alert(1)",
        "/console/x\r\nset-cookie: a=b",
        "/consolation?/console",
        "?/console",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(stranger: Person, target: str) -> None:
    answer = stranger.do("/console/login", key=EVERY_KEY, next=target)
    assert answer.headers["location"] == "/console/login?signed=true&next=/console"
    assert (
        stranger.http.get("/console/login", params={"next": target, "key": True}).text.count(
            'value="/console"'
        )
        == 1
    )


def test_a_wrong_key_is_told_and_not_repeated(
    stranger: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for wrong, why in (
        (EVERY_KEY[:-1] + "f", "not known here"),
        ("", "not known here"),
        (PUBLISHABLE, "publishable key"),
        ("<script>alert(1)</script>", "not known here"),
    ):
        answer = stranger.sign_in(wrong)
        assert answer.status_code == 401
        assert why in answer.text
        assert COOKIE not in answer.cookies
        if wrong:
            assert wrong not in answer.text + str(answer.headers) + caplog.text


def test_the_cookie_is_for_our_pages_alone_and_holds_no_key(stranger: Person) -> None:
    cookie = stranger.sign_in(EVERY_KEY).headers["set-cookie"]
    assert {"HttpOnly", "Path=/console", "SameSite=strict"} <= set(cookie.split("; "))
    assert EVERY_KEY not in cookie
    assert EVERY_KEY.rpartition("_")[2] not in cookie


def test_beyond_loopback_the_cookie_is_secure(shop: Shop) -> None:
    app = console_over(shop)
    app.state[SECURE] = True
    with TestClient(app, base_url=ORIGIN) as http:
        answer = http.post("/console/login", data={"key": EVERY_KEY}, headers={"origin": ORIGIN})
    assert "Secure" in answer.history[0].headers["set-cookie"].split("; ")
    assert "did not keep the session" in answer.text


def test_a_session_given_before_is_not_taken_over(stranger: Person) -> None:
    """Session fixation: what a browser brought along is replaced, and opens nothing."""
    planted = stranger.http.app.state["console_seals"].seal(Session("planted"))
    stranger.http.cookies.set(COOKIE, planted, domain="testserver.local", path="/console")
    stranger.sign_in(EVERY_KEY)
    now = stranger.http.cookies.get(COOKIE, domain="testserver.local", path="/console")
    assert now != planted
    stranger.http.cookies.set(COOKIE, planted, domain="testserver.local", path="/console")
    assert stranger.http.get("/console", follow_redirects=False).status_code == 303
    assert stranger.token not in {"planted", ""}


def test_two_sessions_of_a_key_have_different_tokens(stranger: Person) -> None:
    stranger.sign_in(EVERY_KEY)
    first = stranger.token
    stranger.sign_in(EVERY_KEY)
    assert stranger.token not in {first, ""}


def test_a_forged_session_opens_nothing(stranger: Person, shop: Shop) -> None:
    key = KEYS[0]
    others = Seals([Fernet.generate_key().decode()], clock=shop.clock)
    for forged in ("x", "gAAAAA", others.seal(Session("t", key.key_id, key.sha256))):
        stranger.http.cookies.set(COOKIE, forged, domain="testserver.local", path="/console")
        assert stranger.http.get("/console", follow_redirects=False).status_code == 303


def test_a_session_ends_with_its_time_its_key_and_its_rotation(person: Person, shop: Shop) -> None:
    mine = next(key for key in KEYS if key.actor == "tests")
    others = [key for key in KEYS if key is not mine]
    assert person.get("/console").status_code == 200
    for ended, why in (
        (replace(mine, revoked_at=NOW), "this key was revoked"),
        (replace(mine, expires_at=NOW), "this key has expired"),
        (replace(mine, sha256=b"x" * 32), "this key is not known here"),
    ):
        shop.keyring.replace([*others, ended], asked_at=0.0)
        answer = person.http.get("/console", follow_redirects=False)
        assert answer.status_code == 303
        login = person.http.get(answer.headers["location"])
        assert f"You were signed out: {why}." in login.text
        shop.keyring.replace(KEYS, asked_at=0.0)
        person.sign_in(EVERY_KEY)
    shop.clock.now += (LASTS_S + 1) * 1_000_000
    assert person.http.get("/console", follow_redirects=False).status_code == 303


def test_a_key_that_lost_a_scope_loses_its_pages_at_once(person: Person, shop: Shop) -> None:
    mine = next(key for key in KEYS if key.actor == "tests")
    shop.keyring.replace([replace(mine, scopes={Scope.CUSTOMERS_READ})], asked_at=0.0)
    answer = person.get("/console")
    assert answer.status_code == 403
    assert "models:read is needed" in answer.text
    assert 'href="/console/customers"' in answer.text
    assert 'href="/console/models"' not in answer.text


def test_signing_out_ends_the_session(person: Person) -> None:
    assert person.do("/console/logout").status_code == 303
    assert person.http.get("/console", follow_redirects=False).status_code == 303


def test_the_rate_of_the_key_holds_for_pages(person: Person, shop: Shop) -> None:
    mine = next(key for key in KEYS if key.actor == "tests")
    shop.keyring.replace([replace(mine, rate=Rate(per_second=1, burst=2))], asked_at=0.0)
    answers = [person.http.get("/console") for _ in range(4)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_keys_that_cannot_be_read_are_a_503_that_says_so(shop: Shop) -> None:
    shop.access = Access(keyring=Keyring(clock=shop.clock, monotonic=lambda: 0.0))
    with TestClient(console_over(shop), base_url=ORIGIN) as http:
        answer = Person(http).sign_in(EVERY_KEY)
    assert answer.status_code == 503
    assert "keys could not be read" in answer.text


def test_where_no_key_is_needed_the_console_opens_at_once(shop: Shop) -> None:
    shop.access = Access(
        keyring=Keyring(clock=shop.clock, monotonic=lambda: 0.0), openness=Openness.LOOPBACK
    )
    shop.access.keyring.replace([], asked_at=0.0)
    app: Any = from_loopback(console_over(shop))
    with TestClient(app, base_url="http://127.0.0.1") as http:
        assert "No key is needed here" in http.get("/console").text
        rebound = http.get("/console", headers={"host": "rebound.example"})
        assert "No key is needed here" not in rebound.text
        assert "Sign in" in rebound.text


def test_a_key_reads_the_twin_without_signing_in(stranger: Person) -> None:
    headers = {"x-api-key": SECRETS[Scope.MODELS_READ]}
    twin = stranger.http.get("/console?format=json", headers=headers)
    assert twin.status_code == 200
    assert "attention" in twin.json()
    answer = stranger.http.post("/console/logout", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("accept", ["image/avif", "application/pdf", "*/*;q=x", "text/html;q=0"])
def test_what_is_wrong_is_told_whatever_is_accepted(person: Person, accept: str) -> None:
    assert person.get("/console/nope", accept=accept).status_code == 404
    assert person.get("/console", accept=accept).status_code in {200, 406}


def test_a_form_in_no_known_encoding_is_refused(stranger: Person) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="key"\r\n'
        b"Content-Type: text/plain; charset=nonsense\r\n\r\nk\r\n--x--\r\n"
    )
    kind = {"content-type": "multipart/form-data; boundary=x", "origin": ORIGIN}
    assert stranger.http.post("/console/login", content=body, headers=kind).status_code == 400


def test_fields_are_not_taken_apart_beyond_what_a_form_has(person: Person) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN}
    answer = person.http.post(
        "/console/audiences/rings/campaign", content=b"a=&" * 100_000, headers=kind
    )
    assert answer.status_code == 413


def test_a_long_name_is_no_file(stranger: Person) -> None:
    assert stranger.http.get("/console/static/" + "a" * 5_000).status_code == 404


def test_without_keys_the_twin_is_read_from_this_machine(shop: Shop) -> None:
    shop.access = Access(
        keyring=Keyring(clock=shop.clock, monotonic=lambda: 0.0), openness=Openness.LOOPBACK
    )
    shop.access.keyring.replace([], asked_at=0.0)
    app: Any = from_loopback(console_over(shop))
    with TestClient(app, base_url="http://127.0.0.1") as http:
        assert "attention" in http.get("/console?format=json").json()
        elsewhere = {"host": "rebound.example"}
        assert http.get("/console?format=json", headers=elsewhere).status_code == 401


def test_where_no_page_is_a_person_is_told_by_a_page(stranger: Person) -> None:
    answer = stranger.get("/console/no/such<script>", accept="text/html")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing is served at this path." in answer.text
    assert stranger.get("/console/no", accept="application/json").json()["status"] == 404


def test_pages_run_no_script_but_ours_and_are_kept_nowhere(person: Person) -> None:
    answer = person.get("/console")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in policy
    assert not re.search(
        r"<script(?![^>]* src=\"/console/static/)|<style| style=| on\w+=", answer.text
    )
    assert not re.search(r"(?:src|href|action)=\"(?!/console|\?|#|data:,)", answer.text)


def test_every_room_is_a_page(shop: Shop) -> None:
    found = {(path, scope) for method, path, _, scope in pages(shop) if method == "GET"}
    assert {(room.path, room.scope) for room in ROOMS} <= found


def test_signing_in_leads_back_with_the_query_and_from_a_piece_to_its_page(
    stranger: Person,
) -> None:
    asked = stranger.http.get("/console/models?version=2", follow_redirects=False)
    assert asked.headers["location"] == "/console/login?next=/console/models%3Fversion%3D2"
    piece = {"hx-request": "true", "hx-current-url": f"{ORIGIN}/console/live?x=1"}
    asked = stranger.http.get("/console/attention", headers=piece)
    assert asked.headers["hx-redirect"] == "/console/login?next=/console/live%3Fx%3D1"
    for elsewhere in ("https://evil.example/away", "http://[", ""):
        piece["hx-current-url"] = elsewhere
        asked = stranger.http.get("/console/attention", headers=piece)
        assert asked.headers["hx-redirect"] == "/console/login?next=/console"


def test_signing_in_leads_to_the_page_that_was_asked_for(stranger: Person) -> None:
    asked = stranger.http.get("/console/models", follow_redirects=True)
    assert 'name="next" value="/console/models"' in asked.text
    answer = stranger.do("/console/login", key=EVERY_KEY, next="/console/models")
    checked = stranger.http.get(answer.headers["location"], follow_redirects=False)
    assert (checked.status_code, checked.headers["location"]) == (303, "/console/models")


def test_an_open_server_asks_for_a_key_where_somebody_must_answer_for_it(shop: Shop) -> None:
    shop.access = Access(keyring=shop.keyring, openness=Openness.OPEN)
    with TestClient(console_over(shop), base_url=ORIGIN) as http:
        assert http.get("/console").status_code == 200
        answer = http.get("/console/operations", follow_redirects=False)
        assert answer.headers["location"].endswith("&key=true")
        assert "Sign in" in http.get(answer.headers["location"]).text

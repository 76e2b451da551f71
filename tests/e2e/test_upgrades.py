"""The page on upgrades, carried out: another layout of the store, and keys that are rotated under load."""

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import get_ident

import httpx
import jwt
import pytest
from cryptography.fernet import Fernet

from adapters.dynamodb.recent.marks import LAYOUT, MARKS
from adapters.listening import free_port
from api.composition import application
from api.process import load_settings
from tests.builders import raw_purchase
from tests.e2e.test_connections import PROPENSITY, Server
from tests.e2e.test_rolling_restart import Balancer, Environment, environment, roll, serving
from tests.loopback import PLAIN_HTTP

__all__ = ["environment"]  # a fixture
pytestmark = [pytest.mark.engine, pytest.mark.full]
Run = Callable[..., subprocess.CompletedProcess[str]]
PREDICTION = "/v1/customers/customer-1/propensity"
PAGE = "/v1/categories/grocery/propensities"
FLAG = "/ofrep/v1/evaluate/flags/promotion-banner"


@pytest.fixture
def run(home: Path, environment: Environment) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROPENSITY, *words],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


def lay_out(environment: Environment, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    """The store says another layout, as a process of another version would have left it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with application(load_settings()) as built:
        built.client.connection.client.update_item(
            TableName=built.client.recent.Meta.table_name,
            Key={"customer_id": {"S": MARKS}},
            UpdateExpression="SET layout = :layout",
            ExpressionAttributeValues={":layout": {"S": layout}},
        )


def test_another_layout_is_refused_until_the_page_is_followed(
    home: Path, environment: Environment, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment["PROPENSITY_QUEUE"] = f"upgrades-{token_hex(6)}"
    assert run("worker", "create").returncode == 0
    purchase = raw_purchase()
    (home / "purchases.ndjson").write_text(json.dumps(purchase) + "\n")
    assert run("import", "purchases.ndjson").returncode == 0

    # A newer version has rebuilt the store while a server of this one runs.
    with serving(home, environment, free_port()) as server:
        lay_out(environment, monkeypatch, "9")
        with httpx.Client(
            base_url=f"http://127.0.0.1:{server.port}", verify=PLAIN_HTTP, timeout=60
        ) as http:
            found = {
                "live": http.get("/livez").status_code,
                "ready": http.get("/readyz").status_code,
                "prediction": http.get(PREDICTION).status_code,
                "recording": http.post("/v1/purchases", json={"purchases": [purchase]}).status_code,
                "flag": http.post(
                    FLAG, json={"context": {"targetingKey": "customer-1"}}
                ).status_code,
            }
            ready = http.get("/readyz").json()["checks"]["tables"]
        assert server.stop() == 0
    assert found == {"live": 200, "ready": 503, "prediction": 500, "recording": 500, "flag": 200}
    assert "newer version" in ready

    # The store is older than this version: nothing starts, and the command is named.
    lay_out(environment, monkeypatch, str(int(LAYOUT) - 1))
    for words in (("serve", "--port", str(free_port())), ("worker",), ("tables", "check")):
        refused = run(*words)
        assert (refused.returncode, "propensity rebuild" in refused.stderr) == (8, True), words
    assert run("rebuild").returncode == 0
    assert run("tables", "check").returncode == 0
    assert run("verify", "--all").returncode == 0
    with serving(home, environment, free_port()) as server:
        assert (
            httpx.get(
                f"http://127.0.0.1:{server.port}{PREDICTION}", verify=PLAIN_HTTP, timeout=60
            ).status_code
            == 200
        )
        assert server.stop() == 0


ORIGIN = "https://shop.example"


class Reader:
    """Somebody who reads an audience page by page, whichever server has the next one."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self._cursors: dict[int, str | None] = {}
        self.followed = 0

    def __call__(self, server: httpx.Client) -> httpx.Response:
        cursor = self._cursors.get(get_ident())
        asked = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        answer = server.get(PAGE, params=asked, headers=self._headers)
        self.followed += cursor is not None
        self._cursors[get_ident()] = answer.json().get("next_cursor")
        return answer


@dataclass
class Visitor:
    """A page of the shop that asks for its flag, with the token that the shop signed."""

    key: str
    secret: str

    def __call__(self, server: httpx.Client) -> httpx.Response:
        claims = {"sub": "customer-1", "aud": "propensity", "exp": int(time.time()) + 900}
        token = jwt.encode(claims, self.secret, "HS256")
        headers = {"Origin": ORIGIN, "X-API-Key": self.key, "Authorization": f"Bearer {token}"}
        return server.post(FLAG, json={"context": {}}, headers=headers)


@pytest.mark.early(60)
def test_every_key_is_rotated_under_load_and_no_request_fails(
    home: Path, environment: Environment, run: Run
) -> None:
    scopes = [word for scope in ("predict", "record", "audience") for word in ("--scope", scope)]
    rate = ["--per-second", "100000", "--burst", "100000"]
    created = json.loads(run("keys", "create", "shop", *scopes, *rate, "--json").stdout)
    page = ["--publishable", "--origin", ORIGIN]
    pages = run("keys", "create", "pages", *page, *rate).stdout.strip()
    cursor_keys = [Fernet.generate_key().decode() for _ in range(2)]
    secrets = [token_hex(32) for _ in range(2)]
    headers = {"X-API-Key": created["secret"]}
    reader, visitor = Reader(headers), Visitor(pages, secrets[0])
    environment |= {
        "PROPENSITY_DRAIN_S": "5",
        "PROPENSITY_CURSOR_KEY": cursor_keys[0],
        "PROPENSITY_CUSTOMER_TOKEN_SECRET": secrets[0],
        "PROPENSITY_ACCESS_KEY_ID": "first",
        "PROPENSITY_SECRET_ACCESS_KEY": "first",
    }
    ports = [free_port(), free_port()]
    balancer = Balancer(ports, headers=headers, also=[reader, visitor])
    with ExitStack() as stack:

        def start(port: int) -> Server:
            return stack.enter_context(serving(home, environment, port))

        def takes(secret: str) -> bool:
            asked = [
                httpx.get(
                    f"http://127.0.0.1:{port}/v1/categories",
                    headers={"X-API-Key": secret},
                    verify=PLAIN_HTTP,
                )
                for port in ports
            ]
            return all(each.status_code == 200 for each in asked)

        servers = {port: start(port) for port in ports}
        with balancer.under_load():
            rotated = run("keys", "rotate", created["key"]["key_id"], "--overlap", "3600")
            balancer.until(lambda: takes(rotated.stdout.strip()))
            headers["X-API-Key"] = rotated.stdout.strip()
            balancer.goes_on()
            environment |= {
                "PROPENSITY_CURSOR_KEY": ",".join(cursor_keys),
                "PROPENSITY_CUSTOMER_TOKEN_OTHER_SECRET": secrets[1],
                "PROPENSITY_ACCESS_KEY_ID": "second",
                "PROPENSITY_SECRET_ACCESS_KEY": "second",
            }
            roll(servers, balancer, start)
            visitor.secret = secrets[1]
            environment |= {
                "PROPENSITY_CURSOR_KEY": ",".join(reversed(cursor_keys)),
                "PROPENSITY_CUSTOMER_TOKEN_SECRET": secrets[1],
                "PROPENSITY_CUSTOMER_TOKEN_OTHER_SECRET": "",
            }
            roll(servers, balancer, start)
    assert balancer.failures == []
    assert reader.followed

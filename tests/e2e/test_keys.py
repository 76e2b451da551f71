"""Keys from the command line, and the server that lets their holders in, and only them."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from tests.conftest import a_prefix
from tests.e2e.test_connections import PROPENSITY, Server, await_listening
from tests.loopback import PLAIN_HTTP

pytestmark = [pytest.mark.engine, pytest.mark.full]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(engine: EmbeddedEngine) -> dict[str, str]:
    return os.environ | {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine.port}",
        "PROPENSITY_TABLE_PREFIX": a_prefix(),
    }


@pytest.fixture
def run(home: Path, environment: dict[str, str]) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROPENSITY, *arguments],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    assert run("tables", "create").returncode == 0
    return run


@pytest.fixture
def server(
    home: Path,
    environment: dict[str, str],
    run: Run,  # noqa: ARG001  # it has created the tables
) -> Iterator[Server]:
    port = free_port()
    command = [PROPENSITY, "serve", "--port", str(port), "--workers", "2"]
    with subprocess.Popen(command, cwd=home, env=environment) as process:
        server = Server(process, port)
        try:
            await_listening(server)
            yield server
        finally:
            server.stop()


def status(server: Server, secret: str) -> int:
    """What a process answers, over a connection of its own."""
    address = f"http://127.0.0.1:{server.port}/v1/categories"
    return httpx.get(
        address, headers={"X-API-Key": secret}, verify=PLAIN_HTTP, timeout=60
    ).status_code


def becomes(server: Server, secret: str, wanted: int) -> bool:
    """Whether every process comes to answer so."""
    end = time.monotonic() + 60
    in_a_row = 0
    while in_a_row < 20 and time.monotonic() < end:
        in_a_row = in_a_row + 1 if status(server, secret) == wanted else 0
        time.sleep(0.02)  # polls processes that read their keys once a second
    return in_a_row == 20


def test_a_key_is_created_rotated_and_revoked_under_two_processes(run: Run, server: Server) -> None:
    created = run("keys", "create", "mailing-tool", "--scope", "audience")
    assert created.returncode == 0
    first = created.stdout.strip()
    assert first.startswith("pp_sk_")
    assert first not in created.stderr
    assert becomes(server, first, 200)
    assert becomes(server, "", 401)  # with the first key, loopback is closed
    (key,) = json.loads(run("keys", "list", "--json").stdout)["keys"]
    assert (key["actor"], key["scopes"], key["status"]) == ("mailing-tool", ["audience"], "active")
    second = run("keys", "rotate", key["key_id"], "--overlap", "0").stdout.strip()
    assert becomes(server, second, 200)
    assert becomes(server, first, 401)
    assert run("keys", "revoke", key["key_id"]).returncode == 2  # nobody to ask
    assert run("keys", "revoke", key["key_id"], "--yes").returncode == 0
    assert becomes(server, second, 401)
    listed = run("keys", "list")
    assert "revoked" in listed.stdout
    assert second.rpartition("_")[2] not in listed.stdout
    acts = json.loads(run("audit", "--json").stdout)
    assert [act["act"] for act in acts] == ["create-key", "rotate-key", "revoke-key"]


def test_where_others_reach_it_a_server_wants_a_key_or_the_word(run: Run) -> None:
    serve = ("serve", "--host", "0.0.0.0", "--port", str(free_port()))  # noqa: S104  # it is refused
    refused = run(*serve)
    assert refused.returncode == 2
    assert "propensity keys create" in refused.stderr
    assert "--open" in refused.stderr
    expired = run("keys", "create", "shop", "--scope", "record", "--json")
    key_id = json.loads(expired.stdout)["key"]["key_id"]
    assert run("keys", "revoke", key_id, "--yes").returncode == 0
    assert run(*serve).returncode == 2


def test_what_makes_no_key_is_refused_with_its_reason(run: Run) -> None:
    for words in (
        ("mailing-tool",),
        ("mailing-tool", "--scope", "everything"),
        ("shop", "--publishable"),
        ("shop", "--publishable", "--origin", "https://shop.example/"),
        ("a b", "--scope", "audience"),
    ):
        assert run("keys", "create", *words).returncode == 2
    assert json.loads(run("keys", "list", "--json").stdout) == {"keys": []}

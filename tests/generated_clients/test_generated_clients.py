"""The OpenAPI document as strangers read it: a fuzzer, and two generators of clients.

They live in .venv-clients, which `make test-rest` installs from a lock file of its own.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.listening import free_port
from tests.api.conftest import EVERYTHING

pytestmark = pytest.mark.full
HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TOKEN = EVERYTHING["authorization"].removeprefix("Bearer ")
TOOLS = ROOT / ".venv-clients" / "bin"
EXAMPLES = 100


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the application is served, over a store in memory."""
    port = free_port()
    command = [sys.executable, "-m", "tests.generated_clients.serving", str(port)]
    with subprocess.Popen(command, cwd=ROOT) as server:
        found = f"http://127.0.0.1:{port}"
        try:
            wait_for(found, server)
            yield found
        finally:
            server.terminate()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            server.wait(0.05)  # for as long as it takes to start: it ends only when it failed
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/livez", timeout=5).close()  # noqa: S310  # ours
                return
        else:
            raise AssertionError(f"nothing serves {address}: it ended with {server.returncode}")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What the command printed, once it succeeded."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-4_000:]
    return done.stdout


def document_of(address: str, folder: Path) -> Path:
    path = folder / "openapi.json"
    with urllib.request.urlopen(f"{address}/docs/openapi.json") as answer:  # noqa: S310  # ours
        path.write_bytes(answer.read())
    return path


def operations(document: Path) -> list[str]:
    paths = json.loads(document.read_text())["paths"]
    return [operation["operationId"] for path in paths.values() for operation in path.values()]


@pytest.mark.early(80)
def test_schemathesis_reports_nothing(address: str, tmp_path: Path) -> None:
    run(
        TOOLS / "schemathesis",
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        f"{address}/docs/openapi.json",
        "--checks=all",
        f"--max-examples={EXAMPLES}",
        f"--header=Authorization: {EVERYTHING['authorization']}",
        cwd=tmp_path,
        SCHEMATHESIS_HOOKS="hooks",
        PYTHONPATH=str(HERE),
    )


def test_openapi_python_client_calls_every_operation(address: str, tmp_path: Path) -> None:
    document = document_of(address, tmp_path)
    warned = run(
        TOOLS / "openapi-python-client",
        "generate",
        f"--path={document}",
        f"--output-path={tmp_path / 'client'}",
        "--meta=none",
        cwd=tmp_path,
        PATH=f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
    )
    called = json.loads(
        run(TOOLS / "python", HERE / "call_python_client.py", address, TOKEN, cwd=tmp_path)
    )
    assert called.keys() == set(operations(document)), warned
    assert all(status < 500 for status in called.values()), called


def test_openapi_generator_calls_every_operation(address: str, tmp_path: Path) -> None:
    document = document_of(address, tmp_path)
    run(
        TOOLS / "openapi-generator-cli",
        "generate",
        f"--input-spec={document}",
        "--generator-name=python",
        f"--output={tmp_path / 'generated'}",
        "--package-name=generated_client",
        cwd=tmp_path,
        PATH=f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
    )
    called = json.loads(
        run(
            TOOLS / "python",
            HERE / "call_generated_client.py",
            address,
            TOKEN,
            cwd=tmp_path,
            PYTHONPATH=str(tmp_path / "generated"),
        )
    )
    assert called.keys() == set(operations(document))
    assert all(status < 500 for status in called.values()), called


def test_tritons_client_asks_over_the_open_inference_protocol(address: str, tmp_path: Path) -> None:
    caller = HERE / "call_triton_client.py"
    told = json.loads(run(TOOLS / "python", caller, address, TOKEN, "propensity", cwd=tmp_path))
    assert (told["live"], told["ready"], told["server"]["name"]) == (True, True, "propensity")
    assert told["model"]["inputs"][0]["shape"] == [-1, 1]
    assert told["scores"] == [[0.75, 0.0], [0.75, 0.0]]
    assert (told["response"]["model_version"], told["response"]["id"]) == ("7", "r-1")
    assert "version 8" in told["refused"]

"""The commands of the README, run as they stand there, in order, by somebody with an empty home."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from adapters.embedded import EmbeddedEngine, free_port

pytestmark = pytest.mark.full
README = (Path(__file__).parents[2] / "README.md").read_text()
(BLOCK,) = re.findall(
    r"^## Command line\n\n```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
)
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for line in BLOCK.splitlines()
    if line.startswith("propensity ")
]
PROPENSITY = str(Path(sys.executable).with_name("propensity"))
READY_TIMEOUT_S = 120


@pytest.fixture
def empty_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory whose engine has a port of its own, and is stopped at the end."""
    engine = EmbeddedEngine(home / ".propensity" / "engine", free_port())
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", f"http://127.0.0.1:{engine.port}")
    for name, patience in (("READ_TIMEOUT_S", "20"), ("READ_DEADLINE_S", "30")):
        monkeypatch.setenv(f"PROPENSITY_{name}", patience)  # the machine may be busy
    yield home
    engine.stop()


def run(command: list[str]) -> None:
    done = subprocess.run([PROPENSITY, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"


def run_until_ready(command: list[str], log: Path) -> None:
    """Serves, answers, and stops on Ctrl-C; on a port of its own."""
    port = free_port()
    with log.open("w") as stderr:
        words = [PROPENSITY, *command, "--port", str(port)]  # of two ports the last one counts
        process = subprocess.Popen(words, stderr=stderr, env=os.environ)
        try:
            await_ready(process, f"http://127.0.0.1:{port}/readyz", log)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def await_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(url, timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)  # polls a process of ours that is still loading
    pytest.fail(f"not ready: {log.read_text()}")


def test_every_command_of_the_readme_works_in_order(empty_home: Path) -> None:
    assert ["db", "start"] in COMMANDS
    for command in COMMANDS:
        if command[0] == "serve":
            run_until_ready(command, empty_home / "serve.log")
        else:
            run(command)

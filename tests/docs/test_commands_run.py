"""Every console block of README and docs, run as a reader would, in order, in a copy of the checkout.

Ports are free ones. What runs until Ctrl-C runs until its page ends, and must then stop in order. A
JSON block after a console block is the answer that is due: every key of it, and the kind of every
value. AWS is the embedded engine.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from tests.docs.consoles import Console, consoles, pages
from tests.docs.pages import README, ROOT
from tests.loopback import PLAIN_HTTP

pytestmark = pytest.mark.full
_SAME = (".customer_id", ".outcome", ".history", ".reason", ".position")
"""What is the same whenever it is asked for."""
READY_S = 120
STOP_S = 90


@dataclass
class Reader:
    """Somebody with a fresh checkout, who follows page after page."""

    checkout: Path
    port: int
    engine_port: int
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Free ports, patience for a busy machine, and no setting of the one who tests."""
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith("PROPENSITY_")
        }
        engine = f"http://127.0.0.1:{self.engine_port}"
        return ours | {
            "PATH": f"{self._stand_ins()}:{Path(sys.executable).parent}:{ours['PATH']}",
            "PORT": str(self.port),
            "DEMO_ARGS": "--households 300",
            "PIP_NO_COMPILE": "1",  # more modules are installed than run
            "PROPENSITY_PORT": str(self.port),
            "PROPENSITY_DYNAMODB_ENDPOINT": engine,
            "PROPENSITY_READ_TIMEOUT_S": "20",
            "PROPENSITY_READ_DEADLINE_S": "30",
            "PROPENSITY_WRITE_DEADLINE_S": "30",
            "AWS_ENDPOINT_URL": engine,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def _stand_ins(self) -> Path:
        """A folder with an `aws` that speaks to the embedded engine; see aws_cli.py."""
        folder = self.checkout / ".stand-ins"
        folder.mkdir(exist_ok=True)
        command = folder / "aws"
        command.write_text(
            f'#!/bin/sh\nexec {sys.executable} {ROOT / "tests/docs/aws_cli.py"} "$@"\n'
        )
        command.chmod(0o755)
        return folder

    def read(self, page: Path) -> None:
        """Runs the page's blocks, which share one shell's variables, and ends what it started."""
        carried = self.checkout / ".exports"
        carried.unlink(missing_ok=True)
        try:
            for block in consoles(page):
                self._run(block, carried)
        finally:
            self._stop()

    def _run(self, block: Console, carried: Path) -> None:
        if block.is_another_suite:
            text = "\n".join(f"{line} --dry-run >/dev/null" for line in block.text.splitlines())
        else:
            text = block.text.replace(":8000", f":{self.port}")
        if block.runs_on:
            *before, last = text.strip().splitlines()
            self._run_through("\n".join(before), block, carried)
            self._start(f"[ -e {carried} ] && . {carried}\nexec {last}", last)
        else:
            self._run_through(text, block, carried)

    def _run_through(self, text: str, block: Console, carried: Path) -> None:
        script = f"[ -e {carried} ] && . {carried}\nset -eo pipefail\n{text}\nexport -p > {carried}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.checkout,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        where = f"{block.page.name}: {text}"
        assert done.returncode == 0, f"{where}\n{done.stdout}\n{done.stderr}"
        if block.answer is not None:
            missing = list(lacks(json.loads(done.stdout), block.answer))
            assert not missing, f"{where}\n{missing}"

    def _start(self, script: str, command: str) -> None:
        with (self.checkout / ".server.log").open("w") as log:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.checkout,
                env=self.environment(),
                text=True,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        if "worker" not in command:
            self._await_ready(process, command)

    def _await_ready(self, process: subprocess.Popen[str], command: str) -> None:
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            assert process.poll() is None, f"{command}: {self._log()}"
            with suppress(httpx.TransportError):
                if (
                    httpx.get(
                        f"http://127.0.0.1:{self.port}/readyz", verify=PLAIN_HTTP, timeout=30
                    ).status_code
                    == 200
                ):
                    return
            time.sleep(0.2)  # polls a process of ours that is still loading
        pytest.fail(f"{command} is not ready: {self._log()[-2000:]}")

    def _log(self) -> str:
        return (self.checkout / ".server.log").read_text()

    def _stop(self) -> None:
        """As Ctrl-C does, to everything that the page started; the last first."""
        while self.running:
            process = self.running.pop()
            os.killpg(process.pid, signal.SIGINT)
            try:
                code = process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            assert code in {0, 130, -signal.SIGINT}, self._log()


def lacks(found: object, due: object, where: str = "$") -> Iterator[str]:
    """What of `due` is not in `found`: keys, and kinds of values; more keys are no fault."""
    if type(found) is not type(due):
        yield f"{where} is {found!r}, due is the like of {due!r}"
    elif isinstance(due, list) and isinstance(found, list):
        yield from [] if len(found) == len(due) else [f"{where} has {len(found)} elements"]
        for index, (one, other) in enumerate(zip(found, due, strict=False)):
            yield from lacks(one, other, f"{where}[{index}]")
    elif isinstance(due, dict) and isinstance(found, dict):
        for key, value in due.items():
            yield from lacks(found.get(key, "missing"), value, f"{where}.{key}")
    elif where.endswith(_SAME) and found != due:
        yield f"{where} is {found!r}, due is {due!r}"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A copy of what is tracked, with the installed environment."""
    checkout = tmp_path / "propensity"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(Path(sys.prefix))
    reader = Reader(checkout, free_port(), free_port())
    yield reader
    EmbeddedEngine(checkout / ".propensity" / "engine", reader.engine_port).stop()


@pytest.mark.early(60)
def test_the_readme_does_what_it_says(reader: Reader) -> None:
    reader.read(README)


@pytest.mark.early(250)
def test_the_site_does_what_it_says_page_after_page(reader: Reader) -> None:
    for page in pages():
        if page != README:
            reader.read(page)

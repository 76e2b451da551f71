"""A server or a worker of its own for each fault, behind a proxy that the fault may take over."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
from psutil import NoSuchProcess, Process, wait_procs

from adapters.listening import HOST, free_port
from tests.loopback import PLAIN_HTTP
from tests.proxy import Hook, Instead, Request, proxy

PROPENSITY = str(Path(sys.executable).with_name("propensity"))
MODEL = "purchase-propensity"
CUSTOMERS = 60
READ_TIMEOUT_S = 2.0
PAUSE_S = 0.3
"""Between two requests of the ordinary load."""
_READY_S = 300.0


@dataclass(kw_only=True)
class Deployment:
    """One command under observation. `hook` sees each of its calls before the engine."""

    job: str
    home: Path
    environment: dict[str, str]
    command: Sequence[str] = ("serve",)
    hook: Hook = lambda _: None  # a field's default
    port: int = field(init=False)
    metrics_port: int = field(init=False)
    process: "subprocess.Popen[bytes]" = field(init=False)
    _purchases: "count[int]" = field(default_factory=count)

    @property
    def address(self) -> str:
        """Where a server answers."""
        return f"http://{HOST}:{self.port}"

    def seen(self, request: Request) -> Instead | None:
        """What the proxy asks before each call."""
        return self.hook(request)

    def ask(self, http: httpx.Client) -> None:
        """One page view, one purchase, and a page of an audience; answers are the metrics' affair."""
        number = next(self._purchases)
        http.get(f"{self.address}/v1/customers/c{number % CUSTOMERS}/propensity")
        if number % 3 == 0:
            self.buy(http, [number % CUSTOMERS])
        if number % 3 == 1:
            http.get(f"{self.address}/v1/categories/shoes/propensities", params={"limit": 20})

    def buy(self, http: httpx.Client, customers: Sequence[int]) -> httpx.Response:
        """One purchase of each of these customers."""
        purchases = [a_purchase(f"c{each}", f"{time.time_ns()}-{each}") for each in customers]
        return http.post(f"{self.address}/v1/purchases", json={"purchases": purchases})


def a_purchase(customer: str, purchase: str) -> dict[str, object]:
    """One of today."""
    return {
        "customer_id": customer,
        "purchase_id": purchase,
        "purchased_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "category": "shoes",
        "amount_minor": 4999,
        "currency": "USD",
    }


def run(environment: dict[str, str], *words: str, home: Path) -> None:
    """A command to its end.

    Raises:
        RuntimeError: it failed; says what it said.
    """
    done = subprocess.run(
        [PROPENSITY, *words], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"propensity {' '.join(words)}: {done.stderr}")


def candidate(folder: Path, scorer: dict[str, object], probability: float) -> str:
    """A folder with a version that answers the same to everybody."""
    folder.mkdir()
    document = {
        "scorer": scorer,
        "files": {},
        "features": "total_purchase_volume_30d",
        "horizon_days": 30,
        "matrix": [[0.0], [12.5]],
        "probabilities": [probability, probability],
        "metrics": {"log_loss": 0.5, "base_rate_log_loss": 0.6},
    }
    (folder / "candidate.json").write_text(json.dumps(document))
    return str(folder)


@contextmanager
def running(deployment: Deployment, engine_port: int) -> Iterator[None]:
    """The command answers, behind its proxy, until the block ends.

    Raises:
        RuntimeError: it ended, or does not answer in time.
    """
    with proxy(engine_port, deployment.seen) as address:
        deployment.port, deployment.metrics_port = free_port(), free_port()
        environment = deployment.environment | {
            "PROPENSITY_DYNAMODB_ENDPOINT": address,
            "PROPENSITY_METRICS_PORT": str(deployment.metrics_port),
            "PROPENSITY_PORT": str(deployment.port),
        }
        command = [PROPENSITY, *deployment.command]
        log = (deployment.home / f"{deployment.job}.log").open("wb")
        with (
            log,
            subprocess.Popen(
                command, env=environment, cwd=deployment.home, stdout=log, stderr=log
            ) as process,
        ):
            deployment.process = process
            try:
                _await_answer(deployment)
                yield
            finally:
                _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """At once, the processes that it began too: they write into folders that are about to go."""
    if process.poll() is not None:
        return
    everybody = [*Process(process.pid).children(recursive=True), Process(process.pid)]
    for each in everybody:
        with suppress(NoSuchProcess):
            each.kill()
    wait_procs(everybody)


def _await_answer(deployment: Deployment) -> None:
    path = f"{deployment.address}/readyz"
    if deployment.command[0] != "serve":
        path = f"http://{HOST}:{deployment.metrics_port}/metrics"
    end = time.monotonic() + _READY_S
    while time.monotonic() < end and deployment.process.poll() is None:
        try:
            if httpx.get(path, verify=PLAIN_HTTP, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)  # polls another process
    raise RuntimeError((deployment.home / f"{deployment.job}.log").read_text())


@contextmanager
def loaded(deployment: Deployment, *, pause_s: float = PAUSE_S) -> Iterator[None]:
    """Somebody asks all the while; who gets no answer asks again."""
    stopped = threading.Event()

    def ask() -> None:
        with httpx.Client(verify=PLAIN_HTTP, timeout=10) as http:
            while not stopped.wait(pause_s):
                try:
                    deployment.ask(http)
                except httpx.TransportError:
                    continue

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def ordinary(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a command that knows nothing of ours."""
    ours = {name: value for name, value in os.environ.items() if "PROPENSITY_" not in name}
    return ours | {
        "PROPENSITY_HOME": str(home),
        "PROPENSITY_MODELS": MODEL,
        "PROPENSITY_READ_TIMEOUT_S": str(READ_TIMEOUT_S),
        "PROPENSITY_READ_DEADLINE_S": str(3 * READ_TIMEOUT_S),
        **{f"PROPENSITY_{name}": value for name, value in settings.items()},
    }

"""The services that answer for one customer: ours, and those it is measured beside."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path

from adapters.listening import HOST, free_port
from benchmarks.processes import FEAST, feast_environment, on_core
from benchmarks.workload import FEAST_FEATURE, customer_id
from domain.retention import SLACK_DAYS
from domain.values import MICROS_PER_DAY, instant

READY_S = 120.0
_UVICORN = ("-m", "uvicorn", "--host", HOST, "--no-access-log", "--log-level", "warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How one service is started, and how it is asked; {as_of} in the path is the instant.

    It is asked as of `days_ago` before that of the benchmark. With a body, JSON with {customer} in it,
    it is asked by POST.
    """

    name: str
    command: Sequence[str]
    path: str
    body: str | None = None
    days_ago: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    def path_at(self, as_of: str) -> str:
        """The path as of an instant, with {customer} left in it."""
        asked = instant.parse(as_of) - self.days_ago * MICROS_PER_DAY
        return self.path.replace("{as_of}", instant.render(asked))


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    service: Service
    port: int
    process: int


def ours(endpoint: str, folder: Path, *, name: str = "ours", workers: int = 1) -> Service:
    """`propensity serve` as anybody starts it, with the benchmark's tables and model."""
    return Service(
        name=name,
        command=(
            str(Path(sys.executable).with_name("propensity")),
            *("serve", "--host", HOST, "--port", "{port}", "--workers", str(workers)),
        ),
        path="/v1/customers/{customer}/propensity?as_of={as_of}",
        environment={
            "PROPENSITY_HOME": str(folder / "home"),
            "PROPENSITY_DYNAMODB_ENDPOINT": endpoint,
            "PROPENSITY_ACCESS_KEY_ID": "benchmark",
            "PROPENSITY_SECRET_ACCESS_KEY": "benchmark",
            "PROPENSITY_REGISTRY": str(folder / "registry"),
            "PROPENSITY_READ_TIMEOUT_S": "20",
            "PROPENSITY_READ_DEADLINE_S": "30",
        },
    )


def ours_by_time(endpoint: str, folder: Path) -> Service:
    """The same, asked as of before what the recent item covers: it reads the LSI, nine of ten purchases."""
    return replace(ours(endpoint, folder, name="ours by time"), days_ago=SLACK_DAYS)


def ours_on_granian(endpoint: str, folder: Path) -> Service:
    """The same application on another server, to know what uvicorn costs."""
    server = str(Path(sys.executable).with_name("granian"))
    return replace(
        ours(endpoint, folder, name="ours on granian"),
        command=(
            *(server, "--interface", "asgi", "--loop", "uvloop", "--no-ws", "--factory"),
            *("--host", HOST, "--port", "{port}", "--log-level", "error", "api.entry.asgi:create"),
        ),
    )


def reference(endpoint: str, folder: Path) -> Service:
    """FastAPI, boto3, scikit-learn."""
    return Service(
        name="reference",
        command=(sys.executable, *_UVICORN, "--port", "{port}", "benchmarks.peers.reference:app"),
        path="/customers/{customer}/propensity?as_of={as_of}",
        environment={
            "BENCHMARK_ENDPOINT": endpoint,
            "BENCHMARK_PIPELINE": str(folder / "pipeline.pickle"),
        },
    )


def floor(endpoint: str, read: str) -> Service:
    """Litestar, aiohttp, botocore's signer, orjson, and a sum; `read` is item or index."""
    return Service(
        name=f"floor ({read})",
        command=(sys.executable, *_UVICORN, "--port", "{port}", "benchmarks.peers.floor:app"),
        path=f"/{read}/{{customer}}?as_of={{as_of}}",
        environment={"BENCHMARK_ENDPOINT": endpoint},
    )


def feast(endpoint: str, repo: Path) -> Service:
    """Feast's feature server: it reads the stored feature of one customer, and scores nothing.

    Its worker is kept for good; by default a new one starts every 1,000 requests.
    """
    serving = ("serve", "--host", HOST, "--port", "{port}", "--workers", "1", "--no-access-log")
    features = f'"features": ["{FEAST_FEATURE}"]'
    return Service(
        name="Feast server",
        command=(
            *(str(FEAST / "feast"), "--chdir", str(repo), *serving),
            *("--max-requests", "0", "--max-requests-jitter", "0"),
        ),
        path="/get-online-features",
        body=f'{{{features}, "entities": {{"customer_id": ["{{customer}}"]}}}}',
        environment={**feast_environment(endpoint), "HOME": str(repo)},  # gunicorn writes there
    )


@contextmanager
def started(service: Service, *, core: int | None) -> Iterator[Running]:
    """The service on one core (None: on all), answering, while the block runs.

    Raises:
        RuntimeError: it does not answer within READY_S seconds.
    """
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in service.command]
    with nullcontext() if core is None else on_core(core):
        process = subprocess.Popen(  # noqa: S603  # our own commands, no shell
            command, env={**os.environ, **service.environment}
        )
    with process:
        try:
            _await_answer(service, process, port)
            yield Running(service, port, process.pid)
        finally:
            process.terminate()


def _await_answer(service: Service, process: "subprocess.Popen[bytes]", port: int) -> None:
    path = service.path_at("2026-01-01T00:00:00Z").replace("{customer}", customer_id(0))
    body = service.body and service.body.replace("{customer}", customer_id(0))
    headers = {"Content-Type": "application/json"} if body else {}
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        connection = HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("POST" if body else "GET", path, body, headers)
            if connection.getresponse().status < 500:  # noqa: PLR2004  # server errors
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError(f"{service.name} does not answer")

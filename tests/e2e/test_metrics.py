"""What /metrics says of a server is what its clients and its store saw of it."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psutil import Process

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from domain.drift import Reference
from domain.features import total_purchase_volume_30d
from model_registry.versions import encode_reference
from tests.builders import USD
from tests.cli.test_models import ELSEWHERE
from tests.conftest import a_prefix
from tests.e2e.test_connections import PROPENSITY, Server, await_listening
from tests.proxy import Instead, Request, proxy

T = TypeVar("T")
pytestmark = [pytest.mark.engine, pytest.mark.full]
THROTTLED = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}).encode()
CUSTOMERS, MODEL = 40, "purchase-propensity"


@dataclass
class Store:
    """The store as the proxy saw it: calls by operation and outcome. Every third is refused."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusing: bool = False
    _seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Instead | None:
        operation = request.operation.rpartition(".")[2]
        with self._lock:
            self._seen += self.refusing
            refused = self.refusing and self._seen % 3 == 0
            self.calls[operation, "throttled" if refused else "answered"] += 1
        return Instead(400, THROTTLED) if refused else None


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server with its metrics, and the truth."""

    server: Server
    metrics_port: int
    store: Store

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample by its name and labels."""
        text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60).text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def store_calls(self) -> Counter[tuple[str, str]]:
        """Calls by operation and outcome, as the metrics have them."""
        return Counter(
            {
                (labels["operation"], labels["outcome"]): int(value)
                for (name, items), value in self.samples().items()
                if name == "propensity_store_call_duration_seconds_count"
                for labels in [dict(items)]
            }
        )

    def serving_children(self) -> list[Process]:
        """The processes that serve, where the command's own does not."""
        return [
            child
            for child in Process(self.server.process.pid).children()
            if "spawn_main" in " ".join(child.cmdline())
        ]

    def ask(self, customers: int) -> Counter[int]:
        """How many predictions had each status."""
        address = f"http://127.0.0.1:{self.server.port}/v1/customers"
        with httpx.Client(timeout=60) as http:
            return Counter(
                http.get(f"{address}/c{each}/propensity").status_code for each in range(customers)
            )


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served")
    store, port, metrics_port = Store(), free_port(), free_port()
    with proxy(engine.port, store) as address:
        ours = {name: value for name, value in os.environ.items() if "PROPENSITY_" not in name}
        environment = ours | {
            "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine.port}",
            "PROPENSITY_TABLE_PREFIX": a_prefix(),
            "PROPENSITY_READ_DEADLINE_S": "30",
            "PROPENSITY_READ_TIMEOUT_S": "20",
            "PROPENSITY_METRICS_PORT": str(metrics_port),
        }
        prepare(home, environment)
        environment["PROPENSITY_DYNAMODB_ENDPOINT"] = address
        command = [PROPENSITY, "serve", "--port", str(port), "--workers", str(request.param)]
        with subprocess.Popen(command, cwd=home, env=environment) as process:
            server = Server(process, port)
            try:
                await_listening(server)
                yield Served(server=server, metrics_port=metrics_port, store=store)
            finally:
                server.stop()


def prepare(home: Path, environment: dict[str, str]) -> None:
    """Tables, and a model that answers a quarter to everybody."""
    folder = home / "candidate"
    folder.mkdir()
    features = total_purchase_volume_30d(USD)
    spent = np.arange(300.0).reshape(-1, 1)
    reference = Reference.of(features, spent, np.full(300, 0.25), np.arange(300))
    described = ELSEWHERE | {"reference": json.loads(encode_reference(reference))}
    (folder / "candidate.json").write_text(json.dumps(described))
    for command in (
        ["tables", "create"],
        ["models", "register", MODEL, str(folder)],
        ["models", "promote", MODEL, "1", "--reason", "first"],
    ):
        subprocess.run(
            [PROPENSITY, *command], cwd=home, env=environment, check=True, capture_output=True
        )


def of(served: Served, name: str, **labels: str) -> float:
    """One sample, 0 where there is none."""
    return served.samples().get((name, frozenset(labels.items())), 0.0)


def asked_so_far(served: Served) -> float:
    return of(
        served,
        "propensity_http_request_duration_seconds_count",
        method="GET",
        route="/v1/customers/{customer_id}/propensity",
        status="200",
    )


def becomes(true: Callable[[], bool]) -> bool:
    """Whether it comes to be so."""
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)  # polls another process
    return True


def at_rest(look: Callable[[], T]) -> T:
    """What is seen twice in a row: keys are read all the while, and a call may be under way."""
    found, again = look(), look()
    while found != again:
        found, again = again, look()
    return found


def untold_calls(served: Served) -> Counter[tuple[str, str]]:
    """Calls that the store saw and the metrics do not know."""
    calls = Counter(served.store.calls)
    calls.subtract(served.store_calls())
    return +calls


def throttled(served: Served) -> int:
    """Calls that the store refused."""
    return sum(n for (_, outcome), n in served.store.calls.items() if outcome == "throttled")


def test_counters_are_what_happened_also_of_a_killed_process(served: Served) -> None:
    answered = {"model": MODEL, "version": "1", "arm": "champion", "decision": "hide"}
    assert asked_so_far(served) == of(served, "propensity_predictions_total", **answered) == 0
    untold = at_rest(lambda: untold_calls(served))  # of the command, before it served
    served.store.refusing = True
    assert served.ask(CUSTOMERS) == {200: CUSTOMERS}
    served.store.refusing = False

    assert served.store.calls["GetItem", "throttled"] >= CUSTOMERS // 3
    assert at_rest(lambda: untold_calls(served)) == untold
    assert at_rest(lambda: throttled(served) - of(served, "propensity_store_retries_total")) == 0
    assert asked_so_far(served) == CUSTOMERS
    assert of(served, "propensity_predictions_total", **answered) == CUSTOMERS
    version = {"model": MODEL, "version": "1"}
    empty = "propensity_predictions_empty_history_total"
    assert becomes(lambda: of(served, empty, **version) == CUSTOMERS)
    missing = {**version, "feature": "total_purchase_volume_30d"}
    assert of(served, "propensity_feature_missing_total", **missing) == CUSTOMERS
    at_most = {"model": MODEL, "version": "1", "le": "0.25"}
    assert of(served, "propensity_prediction_probability_bucket", **at_most) == CUSTOMERS

    if children := served.serving_children():
        told = served.store_calls()
        os.kill(children[0].pid, signal.SIGKILL)
        children[0].wait(60)
        assert asked_so_far(served) == CUSTOMERS
        assert told <= served.store_calls()


def test_no_label_holds_what_a_client_sent(served: Served) -> None:
    address = f"http://127.0.0.1:{served.server.port}"
    for path in ("/v1/customers/canary-7/propensity", "/canary-8", "/v1/models/canary-9/status"):
        httpx.get(address + path, timeout=60)
    httpx.request("PROPFIND", address + "/livez", timeout=60)
    labels = {value for _, items in served.samples() for _, value in items}
    assert {"/v1/models/{name}/status", "(none)", "OTHER"} <= labels
    assert not [value for value in labels if "canary" in value.lower()]


def test_what_serves_and_what_is_in_work_is_told(served: Served) -> None:
    assert becomes(lambda: of(served, "propensity_model_oldest_revision", model=MODEL) == 1)
    assert of(served, "propensity_model_newest_revision", model=MODEL) == 1
    assert of(served, "propensity_model_problems", model=MODEL) == 0
    assert of(served, "propensity_http_requests_in_work") == 0
    assert of(served, "propensity_process_resident_memory_bytes") > 10_000_000


def test_open_metrics_is_answered_to_whoever_asks_for_it(served: Served) -> None:
    answer = httpx.get(
        f"http://127.0.0.1:{served.metrics_port}/metrics",
        headers={"Accept": "application/openmetrics-text"},
        timeout=60,
    )
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")

"""What /metrics says of a server is what its clients and its store saw of it."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from psutil import Process

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from domain.drift import Reference
from domain.features import total_purchase_volume_30d
from model_registry.versions import encode_reference
from tests.builders import USD, raw_purchase
from tests.cli.test_models import ELSEWHERE
from tests.conftest import a_prefix
from tests.e2e.test_connections import PROPENSITY, Server, await_listening
from tests.e2e.truth import Scraped, Store, at_rest, becomes, labels_of, untold_calls
from tests.loopback import PLAIN_HTTP
from tests.proxy import proxy

pytestmark = [pytest.mark.engine, pytest.mark.full]
CUSTOMERS, MODEL = 40, "purchase-propensity"
CATEGORY = str(raw_purchase()["category"])


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server with its metrics, and the truth."""

    server: Server
    scraped: Scraped
    store: Store

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
        with httpx.Client(verify=PLAIN_HTTP, timeout=60) as http:
            return Counter(
                http.get(f"{address}/c{each}/propensity").status_code for each in range(customers)
            )

    def record(self) -> dict[str, float]:
        """Purchases as JSON and as a stream; how many of them had each outcome."""
        url = f"http://127.0.0.1:{self.server.port}/v1/purchases"
        good = [raw_purchase(customer_id=f"c{each}") for each in range(CUSTOMERS)]
        others = [each | {"amount_minor": 7} for each in good[:3]]
        bad = [each | {"category": ""} for each in good[:2]]
        with httpx.Client(verify=PLAIN_HTTP, timeout=60) as http:
            http.post(url, json={"purchases": good})
            http.post(url, json={"purchases": [*others, *bad]})
            lines = "".join(json.dumps(each) + "\n" for each in good) + "{\n"
            streamed = http.post(
                url, content=lines, headers={"Content-Type": "application/x-ndjson"}
            )
        assert json.loads(streamed.text.splitlines()[-1])["summary"]["complete"]
        return {"recorded": CUSTOMERS, "duplicate": CUSTOMERS, "conflict": 3, "rejected": 3}

    def list_audience(self) -> int:
        """How many customers of the category are scored."""
        url = f"http://127.0.0.1:{self.server.port}/v1/categories/{CATEGORY}/propensities"
        listed, query = 0, {"limit": "2"}
        with httpx.Client(verify=PLAIN_HTTP, timeout=60) as http:
            while True:
                page = http.get(url, params=query).raise_for_status().json()
                listed += len(page["members"])
                if page["next_cursor"] is None:
                    return listed
                query["cursor"] = page["next_cursor"]


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
            "PROPENSITY_CONNECT_TIMEOUT_S": "20",
            "PROPENSITY_WRITE_DEADLINE_S": "60",
            "PROPENSITY_METRICS_PORT": str(metrics_port),
        }
        prepare(home, environment)
        environment["PROPENSITY_DYNAMODB_ENDPOINT"] = address
        command = [PROPENSITY, "serve", "--port", str(port), "--workers", str(request.param)]
        with subprocess.Popen(command, cwd=home, env=environment) as process:
            server = Server(process, port)
            try:
                await_listening(server)
                yield Served(server=server, scraped=Scraped(metrics_port), store=store)
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


def asked_so_far(served: Served) -> float:
    return served.scraped.of(
        "propensity_http_request_duration_seconds_count",
        method="GET",
        route="/v1/customers/{customer_id}/propensity",
        status="200",
    )


def retried(store: Store) -> int:
    """Calls sent again. What a batch left goes with the audience's next one, and is no call again."""
    return sum(count for operation, count in store.faults.items() if operation != "BatchGetItem")


def test_counters_are_what_happened_also_of_a_killed_process(served: Served) -> None:
    store, scraped = served.store, served.scraped
    answered = {"model": MODEL, "version": "1", "arm": "champion", "decision": "hide"}
    assert asked_so_far(served) == scraped.of("propensity_predictions_total", **answered) == 0
    untold = at_rest(lambda: untold_calls(store, scraped))  # of the command, before it served
    store.misbehaving = True
    assert served.ask(CUSTOMERS) == {200: CUSTOMERS}
    outcomes = served.record()
    assert served.list_audience() == CUSTOMERS
    store.misbehaving = False

    assert min(store.of(each) for each in ("throttled", "silent", "conflict")) > 0
    assert store.unprocessed > 0
    assert becomes(lambda: untold_calls(store, scraped) == untold), (store, scraped.store_calls())
    assert scraped.unprocessed() == store.unprocessed
    assert becomes(lambda: scraped.of("propensity_store_retries_total") == retried(store))
    assert asked_so_far(served) == CUSTOMERS
    assert scraped.of("propensity_predictions_total", **answered) == CUSTOMERS
    version = {"model": MODEL, "version": "1"}
    empty = "propensity_predictions_empty_history_total"
    assert becomes(lambda: scraped.of(empty, **version) == CUSTOMERS)
    missing = {**version, "feature": "total_purchase_volume_30d"}
    assert scraped.of("propensity_feature_missing_total", **missing) == CUSTOMERS
    at_most = {"model": MODEL, "version": "1", "le": "0.25"}
    assert scraped.of("propensity_prediction_probability_bucket", **at_most) == CUSTOMERS
    assert scraped.by("propensity_purchases_total", "outcome") == outcomes

    if children := served.serving_children():
        told = scraped.store_calls()
        os.kill(children[0].pid, signal.SIGKILL)
        children[0].wait(60)
        assert asked_so_far(served) == CUSTOMERS
        assert scraped.by("propensity_purchases_total", "outcome") == outcomes
        assert told <= scraped.store_calls()


def test_no_label_holds_what_a_client_sent(served: Served) -> None:
    address = f"http://127.0.0.1:{served.server.port}"
    for path in ("/v1/customers/canary-7/propensity", "/canary-8", "/v1/models/canary-9/status"):
        httpx.get(address + path, verify=PLAIN_HTTP, timeout=60)
    httpx.request("PROPFIND", address + "/livez", timeout=60)
    labels = labels_of(served.scraped.samples())
    assert {"/v1/models/{name}/status", "(none)", "OTHER"} <= labels
    assert not [value for value in labels if "canary" in value.lower()]


def test_what_serves_and_what_is_in_work_is_told(served: Served) -> None:
    assert becomes(lambda: served.scraped.of("propensity_model_oldest_revision", model=MODEL) == 1)
    assert served.scraped.of("propensity_model_newest_revision", model=MODEL) == 1
    assert served.scraped.of("propensity_model_registry_revision", model=MODEL) == 1
    made = served.scraped.of("propensity_model_revision_created_timestamp_seconds", model=MODEL)
    assert 0 < time.time() - made < 3_600
    assert served.scraped.of("propensity_model_load_failures_total", model=MODEL) == 0
    assert served.scraped.of("propensity_disk_free_bytes", folder="registry") > 0
    assert served.scraped.of("propensity_model_problems", model=MODEL) == 0
    assert served.scraped.of("propensity_http_requests_in_work") == 0
    assert served.scraped.of("propensity_process_resident_memory_bytes") > 10_000_000


def test_open_metrics_is_answered_to_whoever_asks_for_it(served: Served) -> None:
    answer = httpx.get(
        f"http://127.0.0.1:{served.scraped.port}/metrics",
        headers={"Accept": "application/openmetrics-text"},
        verify=PLAIN_HTTP,
        timeout=60,
    )
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")

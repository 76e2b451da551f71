"""Traces and logs of a real server: what a collector gets, what is written, and what never is."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from tests.builders import raw_purchase
from tests.collector import CollectedSpan, Collector, collecting
from tests.conftest import a_prefix
from tests.e2e.test_connections import PROPENSITY, Server, await_listening
from tests.e2e.test_metrics import MODEL, prepare
from tests.loopback import PLAIN_HTTP

pytestmark = [pytest.mark.engine, pytest.mark.full]
CANARY = "canary-7f3a"
ROUTE = "/v1/customers/{customer_id}/propensity"
ABOVE = "b7ad6b7169203331"


@dataclass(kw_only=True)
class Traced:
    """A server of two processes, whose spans go to a collector."""

    server: Server
    log: Path
    collector: Collector
    traces: int = field(default=0)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return httpx.get(
            f"http://127.0.0.1:{self.server.port}{path}",
            headers=headers,
            verify=PLAIN_HTTP,
            timeout=60,
        )

    def a_parent(self, *, sampled: bool = True) -> tuple[str, dict[str, str]]:
        """The id of a trace that was begun elsewhere, and the header that says so."""
        self.traces += 1
        trace_id = f"{self.traces:032x}"
        return trace_id, {"traceparent": f"00-{trace_id}-{ABOVE}-{int(sampled):02d}"}

    def spans_of(self, trace_id: str) -> list[CollectedSpan]:
        """The spans of a trace, once its request's own is there: it ends last."""

        def found() -> list[CollectedSpan]:
            return [span for span in self.collector.spans() if span.trace_id == trace_id]

        becomes(lambda: any(span.parent_id == ABOVE for span in found()))
        return found()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def becomes(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never comes to be"
        time.sleep(0.05)  # polls another process


@contextmanager
def serving(
    home: Path, environment: dict[str, str], *arguments: str
) -> Iterator[tuple[Server, Path]]:
    """A server, and the file it logs to."""
    port, log = free_port(), home / "log"
    command = [PROPENSITY, "serve", "--port", str(port), *arguments]
    with (
        log.open("wb") as file,
        subprocess.Popen(command, cwd=home, env=environment, stderr=file) as process,
    ):
        server = Server(process, port)
        try:
            await_listening(server)
            yield server, log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine
) -> tuple[Path, dict[str, str]]:
    """A folder with a model, and an environment with tables."""
    home = tmp_path_factory.mktemp("traced")
    ours = {n: v for n, v in os.environ.items() if not n.startswith(("PROPENSITY_", "OTEL_"))}
    environment = ours | {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine.port}",
        "PROPENSITY_TABLE_PREFIX": a_prefix(),
        "PROPENSITY_READ_DEADLINE_S": "30",
        "PROPENSITY_READ_TIMEOUT_S": "20",
        "PROPENSITY_WRITE_DEADLINE_S": "30",
        "PROPENSITY_ACCESS_LOG_SHARE": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    prepare(home, environment)
    return home, environment


@pytest.fixture(scope="module")
def traced(prepared: tuple[Path, dict[str, str]]) -> Iterator[Traced]:
    home, environment = prepared
    with collecting() as collector:
        telling = environment | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_TRACES_SAMPLER_ARG": "0",
        }
        with serving(home, telling, "--workers", "2") as (server, log):
            yield Traced(server=server, log=log, collector=collector)


def test_a_prediction_is_a_span_with_its_parts_below_it(traced: Traced) -> None:
    trace_id, header = traced.a_parent()
    answer = traced.get(f"/v1/customers/{CANARY}/propensity", header)
    assert answer.status_code == 200
    spans = traced.spans_of(trace_id)
    (request,) = [span for span in spans if span.parent_id == ABOVE]
    assert request.name == f"GET {ROUTE}"
    assert request.attributes == {
        "http.request.method": "GET",
        "http.route": ROUTE,
        "http.response.status_code": 200,
        "url.scheme": "http",
    }
    assert answer.headers["traceresponse"] == f"00-{trace_id}-{request.span_id}-01"
    below = {span.name: span for span in spans if span is not request}
    assert below.keys() >= {"features", "score", "DynamoDB.GetItem"}
    assert {span.parent_id for span in below.values()} == {request.span_id}
    assert below["score"].attributes == {
        "propensity.model.name": MODEL,
        "propensity.model.version": 1,
    }
    store = below["DynamoDB.GetItem"].attributes
    assert store["db.system.name"] == "aws.dynamodb"
    assert store["propensity.store.outcome"] == "answered"
    (table,) = store["aws.dynamodb.table_names"]
    assert table.endswith("recent_purchases")


def test_a_write_has_its_transaction_and_its_tables(traced: Traced) -> None:
    trace_id, header = traced.a_parent()
    answer = httpx.post(
        f"http://127.0.0.1:{traced.server.port}/v1/purchases",
        json={"purchases": [raw_purchase(customer_id=CANARY)]},
        headers=header,
        verify=PLAIN_HTTP,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    spans = {span.name: span for span in traced.spans_of(trace_id)}
    written = spans["DynamoDB.TransactWriteItems"].attributes
    assert {name.rpartition("-")[2] for name in written["aws.dynamodb.table_names"]} >= {
        "purchases",
        "recent_purchases",
    }


@pytest.mark.parametrize(
    "header",
    [None, "", CANARY, f"00-{'0' * 32}-{ABOVE}-01", f"00-{'A' * 32}-{ABOVE}-01", "unsampled"],
)
def test_without_a_kept_trace_nothing_is_exported(traced: Traced, header: str | None) -> None:
    headers = {} if header is None else {"traceparent": header}
    if header == "unsampled":
        _, headers = traced.a_parent(sampled=False)
    assert "traceresponse" not in traced.get("/v1/customers/none/propensity", headers).headers
    after, kept = traced.a_parent()
    traced.get("/livez", kept)
    assert traced.spans_of(after)
    assert {span.trace_id for span in traced.collector.spans()} <= {
        f"{number:032x}" for number in range(1, traced.traces + 1)
    }


def test_no_span_and_no_line_holds_what_a_caller_sent(traced: Traced) -> None:
    for path in (
        f"/v1/customers/{CANARY}/propensity?as_of=2020-01-01T00:00:00Z",
        f"/v1/customers/{CANARY}/propensity?{CANARY}={CANARY}",
        f"/{CANARY}",
        f"/v1/models/{CANARY}/status",
        f"/v1/categories/{CANARY}/propensities",
    ):
        trace_id, header = traced.a_parent()
        header |= {"tracestate": f"canary={CANARY}", "baggage": f"id={CANARY}"}
        header |= {"user-agent": CANARY, "x-request-id": f"{CANARY} {CANARY}"}
        traced.get(path, header)
        assert traced.spans_of(trace_id)
    httpx.request("PROPFIND", f"http://127.0.0.1:{traced.server.port}/{CANARY}", timeout=60)
    assert not [body for body in traced.collector.bodies if CANARY.encode() in body]
    assert CANARY not in traced.log.read_text()


def test_each_process_says_who_it_is(traced: Traced) -> None:
    for each in traced.collector.resources():
        assert each["service.name"] == "propensity"
    started = [line for line in traced.lines() if line["event"] == "process_started"]
    assert len({line["pid"] for line in started}) == 2
    assert started[0]["settings"]["access_log_share"] == 1.0


def test_a_line_of_a_request_leads_to_its_trace(traced: Traced) -> None:
    trace_id, header = traced.a_parent()
    traced.get("/v1/customers/someone/propensity", header | {"x-request-id": "mine-1"})

    def found() -> list[dict[str, Any]]:
        return [line for line in traced.lines() if line.get("request_id") == "mine-1"]

    becomes(lambda: bool(found()))
    (line,) = found()
    assert (line["event"], line["route"]) == ("request_answered", ROUTE)
    assert (line["status"], line["trace_id"]) == (200, trace_id)


def test_a_dead_collector_is_told_once_and_in_nobodys_way(
    prepared: tuple[Path, dict[str, str]],
) -> None:
    home, environment = prepared
    nobody = f"http://127.0.0.1:{free_port()}"
    telling = environment | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": nobody,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_TRACES_SAMPLER": "always_on",
    }
    with serving(home, telling) as (server, log):
        address = f"http://127.0.0.1:{server.port}/v1/customers/{CANARY}/propensity"
        for _ in range(20):
            assert httpx.get(address, verify=PLAIN_HTTP, timeout=60).status_code == 200
        becomes(lambda: "traces_lost" in log.read_text())
        httpx.get(address, verify=PLAIN_HTTP, timeout=60)
        assert server.stop() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (lost,) = [line for line in lines if line["event"] == "traces_lost"]
    assert lost["causes"]["not_taken"] > 0
    assert not [line for line in lines if line["logger"].startswith("opentelemetry")]
    assert [line for line in lines if line["event"] == "process_stopped"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ],
)
def test_a_wrong_variable_is_refused_at_the_start(
    prepared: tuple[Path, dict[str, str]], name: str, value: str
) -> None:
    home, environment = prepared
    wrong = environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", name: value}
    done = subprocess.run(
        [PROPENSITY, "serve", "--port", str(free_port())],
        cwd=home,
        env=wrong,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert name in done.stderr

"""Spans as they are recorded: what is below what, what failed, and nothing outside a trace."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, cast

import numpy as np
import pytest
from litestar.types import HTTPScope, Message
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from adapters.traces.sampling import Sampling
from adapters.traces.spans import BatchSpans, RequestSpans, ScoreSpans, StoreSpans
from api.http.observing import RequestTracer
from api.process.trace_context import TraceContext
from domain.features import Histories
from domain.store_calls import CallOutcome, StoreCall, StoreObserver
from tests.builders import a_served_model
from tests.fakes import SaturatingScorer

PARENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)
SCOPE = cast(
    "HTTPScope",
    {"type": "http", "method": "GET", "scheme": "http", "path_template": "/x/{id}", "headers": []},
)


class Recorded:
    """What records, and what was recorded."""

    def __init__(self, share: float = 1.0) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        tracer = provider.get_tracer("tests")
        self.begun: list[str] = []
        self.requests: RequestTracer = RequestSpans(
            tracer, Sampling(share), begun=self.begun.append
        )
        self.batches = BatchSpans(tracer, Sampling(share), queue="purchases")
        self.store: StoreObserver = StoreSpans(tracer)
        self.scores = ScoreSpans(tracer)

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._memory.get_finished_spans()}


async def dropped(_: Message) -> None:
    """Nobody reads it."""


def test_outside_a_trace_nothing_is_recorded() -> None:
    recorded = Recorded(share=0.0)
    with recorded.requests.request(SCOPE, dropped, None) as send, recorded.batches.batch(3):
        assert send is dropped
        recorded.store.called(StoreCall("GetItem", 0.1, CallOutcome.ANSWERED))
        recorded.store.retried()
        model = a_served_model(SaturatingScorer())
        recorded.scores(model, Histories.of([[]]), 0, None)
    assert (recorded.spans(), recorded.begun) == ({}, [])


@pytest.mark.parametrize("outcome", CallOutcome)
def test_a_call_is_below_its_request_also_from_a_thread(outcome: CallOutcome) -> None:
    recorded = Recorded()

    async def answer() -> None:
        with recorded.requests.request(SCOPE, dropped, PARENT):
            recorded.store.retried()
            call = StoreCall("Query", 0.25, outcome, tables=("purchases",))
            run: Callable[..., None] = copy_context().run
            await asyncio.get_running_loop().run_in_executor(None, run, recorded.store.called, call)

    asyncio.run(answer())
    request, call = recorded.spans()["GET /x/{id}"], recorded.spans()["DynamoDB.Query"]
    assert recorded.begun == [PARENT[0]]
    assert request.parent is not None
    assert (f"{request.parent.span_id:016x}", request.kind) == (PARENT[1], SpanKind.SERVER)
    assert [event.name for event in request.events] == ["propensity.store.retry"]
    assert call.parent is not None
    assert call.parent.span_id == request.context.span_id
    assert cast("int", call.end_time) - cast("int", call.start_time) == 250_000_000
    fine = outcome in {CallOutcome.ANSWERED, CallOutcome.CONDITION_FAILED}
    assert (call.status.status_code is StatusCode.ERROR) is not fine


@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_request_that_failed_says_so(status: int) -> None:
    recorded, sent = Recorded(), list[Any]()

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> None:
        with recorded.requests.request(SCOPE, send, None) as traced:
            await traced({"type": "http.response.start", "status": status, "headers": []})

    asyncio.run(answer())
    (span,) = recorded.spans().values()
    assert (span.status.status_code is StatusCode.ERROR) is (status == 503)
    assert span.context.trace_id == int(recorded.begun[0], 16)
    ((name, value),) = sent[0]["headers"]
    assert name == b"traceresponse"
    assert value == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01".encode()


def test_of_an_error_only_its_kind_is_told_and_it_passes_as_it_is() -> None:
    recorded = Recorded()
    with pytest.raises(ValueError, match="customer-1"), recorded.batches.batch(1):
        raise ValueError("customer-1")
    (span,) = recorded.spans().values()
    assert dict(span.attributes or {})["error.type"] == "ValueError"
    assert "customer-1" not in span.to_json()


def test_a_score_is_what_the_model_says_with_two_spans() -> None:
    recorded, model, histories = Recorded(), a_served_model(SaturatingScorer()), Histories.of([[]])
    with recorded.batches.batch(1):
        matrix, scores = recorded.scores(model, histories, 0, None)
    expected = model.scores(histories, 0)
    assert np.array_equal(matrix, expected[0])
    assert np.array_equal(scores, expected[1])
    spans = recorded.spans()
    (batch,) = [span for name, span in spans.items() if name.startswith("process")]
    assert spans.keys() == {"features", "score", batch.name}
    assert batch.kind is SpanKind.CONSUMER
    for name in ("features", "score"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == batch.context.span_id

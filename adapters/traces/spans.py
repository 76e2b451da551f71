"""Spans: a request, and within it calls to the store, features and scores.

Names and attributes follow OpenTelemetry's semantic conventions. No attribute holds what a caller
sent: no path, no query, no id. So `url.path`, which they ask for, is left out.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPMethod, HTTPStatus
from typing import Any

import numpy as np
from litestar.types import HTTPScope, Message, Send
from numpy.typing import NDArray
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from adapters.traces.sampling import Parent, Sampling
from domain.features import Histories
from domain.prediction import ServedModel
from domain.store_calls import CallOutcome, StoreCall

_CURRENT: ContextVar[tuple[Span, Context] | None] = ContextVar("span", default=None)
"""The span that is recorded around what runs here, if any."""
_FINE = {CallOutcome.ANSWERED, CallOutcome.CONDITION_FAILED}
_NS_PER_S = 1_000_000_000
_METHODS = frozenset(HTTPMethod)


class RequestSpans:
    """A span for each request that has a trace. `begun` is told the id of each trace."""

    def __init__(
        self, tracer: Tracer, sampling: Sampling, *, begun: Callable[[str], object]
    ) -> None:
        self._tracer = tracer
        self._sampling = sampling
        self._begun = begun

    @contextmanager
    def request(
        self, http: HTTPScope, send: Send, parent: Parent | None
    ) -> Generator[Send, None, None]:
        """The block answers one request by the given `send`."""
        if not self._sampling.wants(parent):
            yield send
            return
        with _recorded(self._tracer, "HTTP", SpanKind.SERVER, _remote(parent)) as span:
            named = span.get_span_context()
            self._begun(f"{named.trace_id:032x}")
            response = f"00-{named.trace_id:032x}-{named.span_id:016x}-01".encode()
            status = 0

            async def seen(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = [*message["headers"], (b"traceresponse", response)]
                await send(message)

            try:
                yield seen
            finally:
                _describe(span, http, status)


class StoreSpans:
    """A `StoreObserver`: a span for each call within a request that has a trace."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def called(self, call: StoreCall, /) -> None:
        """A call has ended."""
        if (current := _CURRENT.get()) is None:
            return
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"DynamoDB.{call.operation}",
            context=current[1],
            kind=SpanKind.CLIENT,
            start_time=ended - int(call.seconds * _NS_PER_S),
            attributes={
                "db.system.name": "aws.dynamodb",
                "db.operation.name": call.operation,
                "aws.dynamodb.table_names": call.tables,
                "propensity.store.outcome": call.outcome.value,
                "propensity.store.unprocessed": call.unprocessed,
                "propensity.store.read_units": call.read_units,
                "propensity.store.write_units": call.write_units,
            },
        )
        if call.outcome not in _FINE:
            span.set_attribute("error.type", call.outcome.value)
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def retried(self) -> None:
        """What was asked is about to be asked again."""
        if (current := _CURRENT.get()) is not None:
            current[0].add_event("propensity.store.retry")


class ScoreSpans:
    """As `ServedModel.scores`, with a span for the features and one for the score."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def __call__(
        self, model: ServedModel, histories: Histories, as_of: int, target: str | None, /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The features of these histories and their probabilities."""
        if (current := _CURRENT.get()) is None:
            return model.scores(histories, as_of, target=target)
        about = {"propensity.model.name": model.name, "propensity.model.version": model.version}
        with _recorded(self._tracer, "features", SpanKind.INTERNAL, current[1], about):
            matrix = model.features.matrix(histories, as_of, target=target)
        with _recorded(self._tracer, "score", SpanKind.INTERNAL, current[1], about):
            return matrix, model.probabilities(matrix)


class BatchSpans:
    """A span for each batch of messages that has a trace."""

    def __init__(self, tracer: Tracer, sampling: Sampling, *, queue: str) -> None:
        self._tracer = tracer
        self._sampling = sampling
        self._queue = queue

    @contextmanager
    def batch(self, messages: int) -> Generator[None, None, None]:
        """The block consumes so many messages."""
        if not self._sampling.wants(None):
            yield
            return
        about = {
            "messaging.system": "aws_sqs",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": self._queue,
            "messaging.batch.message_count": messages,
        }
        with _recorded(self._tracer, f"process {self._queue}", SpanKind.CONSUMER, Context(), about):
            yield


@contextmanager
def _recorded(
    tracer: Tracer, name: str, kind: SpanKind, context: Context, about: Any = None
) -> Generator[Span, None, None]:
    """The block is this span; of what it raises the kind is told, for the rest may quote a customer."""
    span = tracer.start_span(name, context=context, kind=kind, attributes=about)
    before = _CURRENT.set((span, set_span_in_context(span, context)))
    try:
        yield span
    except BaseException as exc:
        span.set_attribute("error.type", type(exc).__qualname__)
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        _CURRENT.reset(before)
        span.end()


def _remote(parent: Parent | None) -> Context:
    if parent is None:
        return Context()
    trace_id, span_id, kept = parent
    above = SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(kept))
    )
    return set_span_in_context(NonRecordingSpan(above), Context())


def _describe(span: Span, http: HTTPScope, status: int) -> None:
    """Its name and attributes, once the route is known."""
    method = http["method"] if http["method"] in _METHODS else "_OTHER"
    span.set_attribute("http.request.method", method)
    span.set_attribute("url.scheme", "https" if http["scheme"] == "https" else "http")
    if route := http.get("path_template"):
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", str(route))
    else:
        span.update_name("HTTP" if method == "_OTHER" else method)
    if status:
        span.set_attribute("http.response.status_code", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)

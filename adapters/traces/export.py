"""Spans on their way to a collector: aside, in batches, bounded, and never in a request's way.

Everything else is OpenTelemetry's: its variables say where to, with which headers and how long to wait.
"""

import logging
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer

FLUSH_S = 2.0
"""What is left at the end may take so long; a server that stops has 20 s in all."""
_NAMED = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")


class SpanExport:
    """Exports what `tracer` records. One for each process, made after a fork.

    `lost` is told how many spans could not be exported, and why in a word.
    """

    def __init__(self, lost: Callable[[str, int], object]) -> None:
        said = logging.getLogger("opentelemetry")
        said.propagate = False  # it would write a line for each try
        said.addHandler(_Overfull(lost))
        about = {"service.version": version("propensity")}
        if not any(os.environ.get(name) for name in _NAMED):
            about["service.name"] = "propensity"
        # Who has a trace is decided before.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(about), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(_Told(OTLPSpanExporter(), lost)))
        self.tracer: Tracer = self._provider.get_tracer("propensity", version("propensity"))

    def close(self) -> None:
        """What is left is exported, or given up after a while."""
        closing = Thread(target=self._provider.shutdown, name="traces-closing", daemon=True)
        closing.start()
        closing.join(FLUSH_S)


class _Told(SpanExporter):
    """Exports, and tells of what failed."""

    def __init__(self, exporter: SpanExporter, lost: Callable[[str, int], object]) -> None:
        self._exporter = exporter
        self._lost = lost

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost("not_taken", len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Overfull(logging.Handler):
    """Hears the one thing that is said nowhere else: that spans were dropped before their export."""

    def __init__(self, lost: Callable[[str, int], object]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("Queue full"):
            self._lost("queue_full", 1)

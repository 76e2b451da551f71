"""Traces, where a collector is named; else OpenTelemetry is not even imported."""

import logging
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from api.process import Settings
from api.process.logs import TRACE_ID
from api.process.tally import Tally
from domain.errors import Rejected

if TYPE_CHECKING:
    pass

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter")
_log = logging.getLogger(__name__)


class Tracing:
    """What makes the spans of one process, and takes them away."""

    def __init__(self, settings: Settings) -> None:
        from adapters.traces.export import SpanExport
        from adapters.traces.sampling import Sampling
        from adapters.traces.spans import BatchSpans, RequestSpans, ScoreSpans, StoreSpans

        sampling = Sampling.of(os.environ)
        export = SpanExport(Tally(_tell_lost).add)
        tracer = export.tracer
        self.requests: RequestSpans = RequestSpans(tracer, sampling, begun=TRACE_ID.set)
        self.batches: BatchSpans = BatchSpans(tracer, sampling, queue=settings.queue)
        self.store: StoreSpans = StoreSpans(tracer)
        self.scores: ScoreSpans = ScoreSpans(tracer)
        self.close: Callable[[], None] = export.close


def tracing_of(settings: Settings) -> Tracing | None:
    """What traces this process; None where no collector is named.

    Raises:
        Rejected: a variable of OpenTelemetry is wrong, or the extra `traces` is not installed.
    """
    return Tracing(settings) if check_traces() else None


def check_traces() -> bool:
    """Whether there are traces.

    Raises:
        Rejected: a variable of OpenTelemetry is wrong, or the extra `traces` is not installed.
    """
    named = [name for name in ENDPOINTS if os.environ.get(name)]
    if not named or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if any(find_spec(each) is None for each in ("opentelemetry", *_NEEDED)):
        raise Rejected(named[0], "needs the extra: pip install 'propensity[traces]'")
    for name in PROTOCOLS:
        if os.environ.get(name, PROTOCOL) not in {"", PROTOCOL}:
            raise Rejected(name, f"must be {PROTOCOL}: nothing else is spoken")
    if not os.environ[named[0]].startswith(("http://", "https://")):
        raise Rejected(named[0], "must be a URL such as http://127.0.0.1:4318")
    from adapters.traces.sampling import Sampling

    Sampling.of(os.environ)
    return True


def _tell_lost(counts: Mapping[str, int]) -> None:
    _log.warning("traces_lost", extra={"causes": dict(counts)})

"""What a serving process is at: its event loop, its places, its models, its memory."""

import os
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, Histogram

from adapters.metrics.store import SECONDS
from domain.prediction import Traffic

_STATM, _DESCRIPTORS = Path("/proc/self/statm"), Path("/proc/self/fd")


class ProcessMetrics:
    """Gauges of one process; those of processes that ended are gone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, said: str, *labels: str, mode: str = "livesum") -> Gauge:
            return Gauge(
                name,
                said,
                labels,
                registry=registry,
                multiprocess_mode=mode,  # type: ignore[arg-type]  # one of its literals
            )

        self._lag = Histogram(
            "propensity_event_loop_lag_seconds",
            "How late the event loop comes to what was due, looked at each second.",
            buckets=SECONDS,
            registry=registry,
        )
        self._in_work = gauge("propensity_http_requests_in_work", "Requests that are worked on.")
        self._waiting = gauge("propensity_http_requests_waiting", "Requests that wait for a place.")
        self._memory = gauge("propensity_process_resident_memory_bytes", "Resident memory.")
        self._open = gauge("propensity_process_open_fds", "Open file descriptors.")
        self._oldest = gauge(
            "propensity_model_oldest_revision",
            "The oldest revision that any process serves.",
            "model",
            mode="livemin",
        )
        self._newest = gauge(
            "propensity_model_newest_revision",
            "The newest revision that any process serves.",
            "model",
            mode="livemax",
        )
        self._problems = gauge(
            "propensity_model_problems",
            "What could not be loaded when last tried, over all processes.",
            "model",
        )

    def looked(self, *, lag_s: float, in_work: int, waiting: int) -> None:
        """A second has passed: so late was the loop, so many requests are in work and wait."""
        self._lag.observe(lag_s)
        self._in_work.set(in_work)
        self._waiting.set(waiting)
        if _STATM.exists():  # on Linux
            pages = int(_STATM.read_text().split()[1])
            self._memory.set(pages * os.sysconf("SC_PAGE_SIZE"))
            self._open.set(sum(1 for _ in _DESCRIPTORS.iterdir()))

    def serves(self, model: str, traffic: Traffic | None, problems: Sequence[str]) -> None:
        """What serves of a model; revision 0 where nothing does."""
        revision = 0 if traffic is None else traffic.revision
        self._oldest.labels(model).set(revision)
        self._newest.labels(model).set(revision)
        self._problems.labels(model).set(len(problems))

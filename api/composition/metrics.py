"""What is counted for Prometheus, where that is asked for."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from adapters.clock import SystemClock
from adapters.metrics.exposition import FOLDER
from api.process import Settings
from domain.errors import NoLiveModel, Rejected

if TYPE_CHECKING:
    from adapters.metrics.decisions import DecisionMetrics
    from adapters.metrics.drift import DriftMetrics
    from adapters.metrics.models import ModelMetrics
    from adapters.metrics.predictions import PredictionMetrics
    from adapters.metrics.processes import ProcessMetrics
    from adapters.metrics.progress import ProgressMetrics
    from adapters.metrics.purchases import PurchaseMetrics
    from adapters.metrics.queue import QueueMetrics
    from adapters.metrics.requests import RequestMetrics
    from adapters.metrics.store import StoreMetrics
    from api.http.admission import Admission
    from api.process.looking import LoopWatch
    from api.queue import QueueObserver
    from domain.purchases import Outcome, PurchaseOutcome
    from domain.store_calls import StoreObserver
    from model_registry.serving import LiveModel, LiveModels, Shadowed


class Instruments(Protocol):
    """What every process tells that records purchases."""

    @property
    def store(self) -> "StoreObserver":
        """Of each call to the store."""
        ...

    @property
    def purchases(self) -> "Callable[[Sequence[PurchaseOutcome | None]], object]":
        """Of the outcomes of each call of the intake."""
        ...

    @property
    def queue(self) -> "QueueObserver":
        """Of each message."""
        ...


class LineInstruments(Instruments, Protocol):
    """Instruments of a Lambda function."""

    def line(self, *, seconds: float) -> str:
        """What they were told since the line before, for an event that took so long."""
        ...


class Progress(Protocol):
    """What a long command tells of what it has done."""

    def imported(self, rows: "Mapping[Outcome, int]", /) -> None:
        """So many more rows have these outcomes."""
        ...

    def rebuilt(self, customers: int, /) -> None:
        """So many more customers are done."""
        ...

    def listed(self, *, scored: int, unread: int) -> None:
        """So many more customers of the audience are done."""
        ...


class UntoldProgress:
    """Where nobody asks for metrics."""

    def imported(self, rows: "Mapping[Outcome, int]", /) -> None:
        """Nobody is told."""

    def rebuilt(self, customers: int, /) -> None:
        """Nobody is told."""

    def listed(self, *, scored: int, unread: int) -> None:
        """Nobody is told."""


class Metrics:
    """Every instrument of one process; what it has no use for is not made, and not exposed."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        from prometheus_client import CollectorRegistry

        from adapters.metrics.files import make_room

        make_room()
        self.registry = CollectorRegistry()
        self._folders = folders

    @cached_property
    def store(self) -> "StoreMetrics":
        from adapters.metrics.store import StoreMetrics

        return StoreMetrics(self.registry)

    @cached_property
    def requests(self) -> "RequestMetrics":
        from adapters.metrics.requests import RequestMetrics

        return RequestMetrics(self.registry)

    @cached_property
    def predictions(self) -> "PredictionMetrics":
        from adapters.metrics.predictions import PredictionMetrics

        return PredictionMetrics(self.registry)

    @cached_property
    def decisions(self) -> "DecisionMetrics":
        from adapters.metrics.decisions import DecisionMetrics

        return DecisionMetrics(self.registry)

    @cached_property
    def models(self) -> "ModelMetrics":
        from adapters.metrics.models import ModelMetrics

        return ModelMetrics(self.registry)

    @cached_property
    def purchases(self) -> "PurchaseMetrics":
        from adapters.metrics.purchases import PurchaseMetrics

        return PurchaseMetrics(self.registry)

    @cached_property
    def queue(self) -> "QueueMetrics":
        from adapters.metrics.queue import QueueMetrics

        return QueueMetrics(self.registry, SystemClock())

    @cached_property
    def progress(self) -> "ProgressMetrics":
        from adapters.metrics.progress import ProgressMetrics

        return ProgressMetrics(self.registry)

    @cached_property
    def drift(self) -> "DriftMetrics":
        from adapters.metrics.drift import DriftMetrics

        return DriftMetrics(self.registry)

    @cached_property
    def process(self) -> "ProcessMetrics":
        from adapters.metrics.processes import ProcessMetrics

        return ProcessMetrics(self.registry, self._folders)

    def watch(self, admission: "Admission", live: "LiveModels") -> "LoopWatch":
        """What looks at a server each second."""
        from api.process.looking import LoopWatch

        def look(lag_s: float) -> None:
            self.process.looked(lag_s)
            self.requests.places(in_work=admission.working, waiting=admission.waiting)
            for each in live.by_name.values():
                self._look_at(each)

        return LoopWatch(look)

    def watch_worker(self) -> "LoopWatch":
        """What looks at a worker each second."""
        from api.process.looking import LoopWatch

        return LoopWatch(self.process.looked)

    def _look_at(self, live: "LiveModel") -> None:
        try:
            revision = live.snapshot().revision
        except NoLiveModel:
            revision = 0
        self.models.serves(
            live.name,
            revision=revision,
            made_at=live.made_at,
            registered=live.newest,
            problems=live.problems,
        )


def metrics_of(settings: Settings) -> Metrics | None:
    """The instruments of this process; None where its command exposes none."""
    return Metrics(_folders(settings)) if FOLDER in os.environ else None


def lambda_metrics(settings: Settings) -> LineInstruments | None:
    """The instruments of a Lambda function; None where nobody asks for them."""
    if not settings.lambda_metrics:
        return None
    from adapters.cloudwatch_metrics import CloudWatchMetrics

    return CloudWatchMetrics(
        os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "propensity"), SystemClock()
    )


def shadows_told(metrics: Metrics | None, model: str) -> "Callable[[int, Shadowed, int], object]":
    """Who is told what became of the answers that a model's shadows were to score."""
    return (lambda *_: None) if metrics is None else partial(metrics.models.shadowed, model)


def _folders(settings: Settings) -> Mapping[str, Path]:
    """The local folders that fill up, by what they hold."""
    from adapters.object_store import local_folder

    places = {"registry": settings.registry_location, "decision_log": settings.decision_log}
    return {
        name: folder
        for name, place in places.items()
        if place and (folder := local_folder(place)) is not None
    }


@contextmanager
def exposed_metrics(settings: Settings) -> Iterator[None]:
    """Prometheus is answered until the block ends, if the settings say so.

    Raises:
        Rejected: the extra `metrics` is not installed, or the port is taken.
    """
    check_metrics_port(settings)
    if settings.metrics_port is None:
        yield
        return
    from adapters.metrics.exposition import exposed

    with exposed(settings.metrics_host, settings.metrics_port):
        yield


def check_metrics_port(settings: Settings) -> None:
    """Returns when Prometheus can be answered as the settings say.

    Raises:
        Rejected: the extra `metrics` is not installed, or the port is taken.
    """
    if settings.metrics_port is None:
        return
    from adapters.listening import port_is_free

    if find_spec("prometheus_client") is None:
        raise Rejected(
            "PROPENSITY_METRICS_PORT", "needs the extra: pip install 'propensity[metrics]'"
        )
    if not port_is_free(settings.metrics_port, settings.metrics_host):
        raise Rejected(
            "PROPENSITY_METRICS_PORT",
            f"{settings.metrics_host}:{settings.metrics_port} is in use, as by another command; "
            "choose another one, or empty it for this command",
        )

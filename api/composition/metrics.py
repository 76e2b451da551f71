"""What is counted for Prometheus, where that is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from api.process import Settings
from domain.errors import NoLiveModel, Rejected

if TYPE_CHECKING:
    from api.http.admission import Admission
    from api.process.looking import LoopWatch
    from model_registry.serving import LiveModels


class Metrics:
    """Every instrument of one process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry

        from adapters.metrics.decisions import DecisionMetrics
        from adapters.metrics.predictions import PredictionMetrics
        from adapters.metrics.processes import ProcessMetrics
        from adapters.metrics.requests import RequestMetrics
        from adapters.metrics.store import StoreMetrics

        registry = CollectorRegistry()
        self.store: StoreMetrics = StoreMetrics(registry)
        self.requests: RequestMetrics = RequestMetrics(registry)
        self.predictions: PredictionMetrics = PredictionMetrics(registry)
        self.decisions: DecisionMetrics = DecisionMetrics(registry)
        self.process: ProcessMetrics = ProcessMetrics(registry)

    def watch(self, admission: "Admission", live: "LiveModels") -> "LoopWatch":
        """What looks at a server each second."""
        from api.process.looking import LoopWatch

        return LoopWatch(lambda lag_s: self._look(lag_s, admission, live))

    def _look(self, lag_s: float, admission: "Admission", live: "LiveModels") -> None:
        self.process.looked(lag_s=lag_s, in_work=admission.working, waiting=admission.waiting)
        for name, each in live.by_name.items():
            try:
                traffic = each.snapshot()
            except NoLiveModel:
                traffic = None
            self.process.serves(name, traffic, each.problems)


def metrics_of(settings: Settings) -> Metrics | None:
    """The instruments of this process; None where nobody asks for them."""
    return None if settings.metrics_port is None else Metrics()


@contextmanager
def exposed_metrics(settings: Settings) -> Iterator[None]:
    """Prometheus is answered until the block ends, if the settings say so.

    Raises:
        Rejected: the extra `metrics` is not installed, or the port is taken.
    """
    if settings.metrics_port is None:
        yield
        return
    from adapters.listening import port_is_free
    from adapters.metrics.exposition import exposed

    if find_spec("prometheus_client") is None:
        raise Rejected(
            "PROPENSITY_METRICS_PORT", "needs the extra: pip install 'propensity[metrics]'"
        )
    if not port_is_free(settings.metrics_port, settings.metrics_host):
        raise Rejected(
            "PROPENSITY_METRICS_PORT",
            f"{settings.metrics_host}:{settings.metrics_port} is in use; choose another one",
        )
    with exposed(settings.metrics_host, settings.metrics_port):
        yield

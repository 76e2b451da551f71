"""Who is told of calls to the store and of requests: several as one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.process import Settings
from api.process.store_log import StoreLog
from domain.store_calls import StoreCall, StoreObserver

if TYPE_CHECKING:
    from api.composition.metrics import Instruments, Metrics
    from api.composition.tracing import Tracing
    from api.http.observing import RequestObserver


class StoreObservers:
    """Tells each of them, in their order."""

    def __init__(self, observers: Sequence[StoreObserver]) -> None:
        self._observers = observers

    def called(self, call: StoreCall, /) -> None:
        """A call has ended."""
        for each in self._observers:
            each.called(call)

    def retried(self) -> None:
        """What was asked is about to be asked again."""
        for each in self._observers:
            each.retried()


class RequestObservers:
    """Tells each of them, in their order."""

    def __init__(self, observers: "Sequence[RequestObserver]") -> None:
        self._observers = observers

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its answer."""
        for each in self._observers:
            each.answered(method, route, status, seconds)

    def shed(self) -> None:
        """A request is refused for want of a place."""
        for each in self._observers:
            each.shed()


def store_observer(
    told: "Instruments | None", tracing: "Tracing | None", *, logged: bool
) -> StoreObserver | None:
    """Who is told of each call to the store; None: nobody."""
    observers: list[StoreObserver] = [] if told is None else [told.store]
    if tracing is not None:
        observers.append(tracing.store)
    if logged:
        observers.append(StoreLog())
    return StoreObservers(observers) if observers else None


def request_observer(settings: Settings, metrics: "Metrics | None") -> "RequestObserver":
    """Who is told of each request."""
    from api.http.access_log import AccessLog

    observers: list[RequestObserver] = [AccessLog(settings.access_log_share)]
    if metrics is not None:
        observers.append(metrics.requests)
    return RequestObservers(observers)

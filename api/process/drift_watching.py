"""Counts the customers whom a server is asked about, publishes the counts, and looks for drift."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

from domain.errors import PropensityError
from domain.values import Clock
from model_registry.serving import AskedCustomers, AskedDays
from model_registry.serving.asked import day_of

COUNT_S = 1.0
PUBLISH_S = 60.0
"""A process that is killed loses what it counted for so long."""
LOOK_S = 300.0
_BETWEEN_BATCHES_S = 0.002
"""Requests go first: counting a batch takes a fraction of that."""

_log = logging.getLogger(__name__)


class DriftWatching:
    """A thread of the process that serves these models; what goes wrong is logged and tried again."""

    def __init__(
        self,
        asked: AskedCustomers,
        days: AskedDays,
        models: Sequence[str],
        *,
        clock: Clock,
        look: Callable[[], object] | None = None,
    ) -> None:
        self._asked = asked
        self._days = days
        self._models = models
        self._clock = clock
        self._look = look
        self._forgot = 0
        self._stopped = Event()
        self._thread = Thread(target=self._watch, name="drift-watching", daemon=True)

    def start(self) -> None:
        """Counts from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Counts no more; what was counted is published."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        with _logged("counting who was asked about"):
            while self._asked.count():
                pass
        self._publish()

    def _watch(self) -> None:
        publish_at = time.monotonic() + PUBLISH_S
        look_at = time.monotonic() + PUBLISH_S
        while not self._stopped.wait(COUNT_S):
            with _logged("counting who was asked about"):
                while self._asked.count() and not self._stopped.wait(_BETWEEN_BATCHES_S):
                    pass
            if time.monotonic() >= publish_at:
                publish_at = time.monotonic() + PUBLISH_S
                self._publish()
            if self._look is not None and time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_S
                with _logged("looking for drift"):
                    self._look()

    def _publish(self) -> None:
        with _logged("publishing who was asked about"):
            self._asked.publish(self._days)
            today = day_of(self._clock())
            if self._forgot < today:
                for name in self._models:
                    self._days.forget(name, today=today)
                self._forgot = today


@contextmanager
def _logged(doing: str) -> Iterator[None]:
    """Whatever goes wrong is logged, and the thread lives on."""
    try:
        yield
    except PropensityError as exc:
        _log.warning("drift_watching_failed", extra={"doing": doing, "reason": str(exc)})
    except Exception as exc:  # noqa: BLE001  # whatever it is, the thread must live on
        extra = {"doing": doing, "error": type(exc).__name__}
        _log.exception("drift_watching_crashed", extra=extra)

"""Looks for newer revisions of the model while the server serves, in a thread of its own."""

import logging
from random import Random
from threading import Event, Thread

from domain.errors import NoLiveModel
from model_registry.live import LiveModel

LONGEST_PAUSE_S = 30.0

_log = logging.getLogger(__name__)


class LivePolling:
    """Refreshes the live model every so many seconds, more seldom while loading fails.

    One per process, started in the process that serves: a model is never loaded before a fork.
    """

    def __init__(self, live: LiveModel, *, every_s: float) -> None:
        self._live = live
        self._every_s = every_s
        self._jitter = Random()  # noqa: S311  # no secret
        self._stopped = Event()
        self._thread = Thread(target=self._poll, name="live-polling", daemon=True)
        self._told: object = None

    def start(self) -> None:
        """The newest loadable revision serves, and later ones will."""
        self._live.start()
        self._tell()
        self._thread.start()

    def stop(self) -> None:
        """No revision is looked for any more."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def running(self) -> bool:
        """Whether newer revisions are looked for."""
        return self._thread.is_alive()

    def pause_after(self, failures: int) -> float:
        """Seconds until the next look, after so many failures in a row; with jitter then."""
        if not failures:
            return self._every_s
        ceiling = min(max(LONGEST_PAUSE_S, self._every_s), self._every_s * 2.0 ** min(failures, 16))
        return self._jitter.uniform(self._every_s, ceiling)

    def _poll(self) -> None:
        failures = 0
        while not self._stopped.wait(self.pause_after(failures)):
            try:
                self._live.refresh()
            except Exception:  # noqa: BLE001  # the thread must live on, and what it met must be seen
                _log.exception("looking for a newer revision failed")
                failures += 1
                continue
            failures = failures + 1 if self._live.problems else 0
            self._tell()

    def _tell(self) -> None:
        """Logs what serves, or why nothing does, whenever that changes."""
        try:
            model = self._live.snapshot()
            serves = f"{model.name} version {model.version} of revision {model.revision} serves"
        except NoLiveModel as exc:
            serves = f"no predictions yet: {exc}"
        told = (serves, tuple(self._live.problems))
        if told == self._told:
            return
        self._told = told
        _log.info("%s", serves)
        for problem in self._live.problems:
            _log.warning("not loaded: %s", problem)

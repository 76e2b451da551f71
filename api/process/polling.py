"""Looks for newer revisions while the server serves, and tells which one it serves."""

import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

from domain.backoff import pause_after
from domain.errors import NoLiveModel, PropensityError
from domain.prediction import Traffic
from model_registry.serving import TTL_S, LiveModel, Presence, ShadowReport

LONGEST_PAUSE_S = 30.0

_log = logging.getLogger(__name__)


class LivePolling:
    """Refreshes the live model every so many seconds; what fails to load is tried ever more seldom.

    One per process, started in the process that serves: a model is never loaded before a fork.
    """

    def __init__(
        self,
        live: LiveModel,
        presence: Presence,
        *,
        every_s: float,
        shadow_reports: Callable[[], Sequence[ShadowReport]] = lambda: (),
    ) -> None:
        self._live = live
        self._shadow_reports = shadow_reports
        self._presence = presence
        self._process = process_name()
        self._publish_by = 0.0
        self._every_s = every_s
        self._stopped = Event()
        self._thread = Thread(target=self._poll, name="live-polling", daemon=True)
        self._published: tuple[int, str, tuple[str, ...]] = (0, "", ())

    def start(self) -> None:
        """The newest loadable revision serves, and later ones will."""
        self._live.start()
        self._publish()
        with self._logged("reporting what serves"):
            self._presence.forget_the_dead(self._live.name)
        self._thread.start()

    def stop(self) -> None:
        """No revision is looked for any more."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._logged("reporting that nothing serves"):
            self._presence.withdraw(self._live.name, self._process)

    @property
    def running(self) -> bool:
        """Whether newer revisions are looked for."""
        return self._thread.is_alive()

    def pause_after(self, failures: int) -> float:
        """Seconds until what failed so often in a row is tried again; with jitter."""
        every_s = self._every_s
        longest_s = max(LONGEST_PAUSE_S, every_s)
        return pause_after(failures, first_s=every_s, longest_s=longest_s, least_s=every_s)

    def _poll(self) -> None:
        failures, retry_at = 0, 0.0
        while not self._stopped.wait(self._every_s):
            retry = time.monotonic() >= retry_at
            with self._logged("looking for a newer revision"):
                self._live.refresh(retry=retry)
            if not self._live.problems:
                failures = 0
            elif retry:
                failures += 1
                retry_at = time.monotonic() + self.pause_after(failures)
            self._publish()

    @contextmanager
    def _logged(self, doing: str) -> Iterator[None]:
        """Whatever goes wrong is logged, and the thread lives on."""
        about = {"model": self._live.name, "doing": doing}
        try:
            yield
        except PropensityError as exc:
            _log.warning("polling_failed", extra=about | {"reason": str(exc)})
        except Exception as exc:  # noqa: BLE001  # whatever it is, the thread must live on
            _log.exception("polling_crashed", extra=about | {"reason": repr(exc)})

    def _publish(self) -> None:
        """Publishes what serves in time, and logs it, or why nothing does, whenever it changes."""
        traffic, why_none = None, ""
        try:
            traffic = self._live.snapshot()
        except NoLiveModel as exc:
            why_none = str(exc)
        problems = tuple(self._live.problems)
        before = self._published
        now = (traffic.revision if traffic else 0, traffic.label if traffic else why_none, problems)
        changed = now != before
        if changed:
            self._published = now
            if now[:2] != before[:2]:
                self._log_serving(traffic, why_none, before[0])
            for problem in problems:
                if problem not in before[2]:
                    extra = {"model": self._live.name, "reason": problem}
                    _log.warning("revision_not_loaded", extra=extra)
        if changed or time.monotonic() >= self._publish_by:
            self._publish_by = time.monotonic() + TTL_S / 3
            with self._logged("reporting what serves"):
                self._presence.publish(
                    self._live.name,
                    self._process,
                    traffic=traffic,
                    problems=problems,
                    shadows=self._shadow_reports(),
                )

    def _log_serving(self, traffic: Traffic | None, why_none: str, before: int) -> None:
        about: dict[str, object] = {"model": self._live.name}
        if traffic is None:
            _log.warning("no_revision_served", extra=about | {"reason": why_none})
            return
        about |= {"revision": traffic.revision, "versions": traffic.label, "replaced": before}
        _log.info("revision_served", extra=about)


def process_name() -> str:
    """A name for this process among all that serve: host, process id, and something random."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:60] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"

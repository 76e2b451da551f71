"""The log of decisions: what writes it, reads it, keeps it in order and reaches it for an erasure."""

import secrets
from importlib.util import find_spec
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from api.process import Settings
from domain.errors import Rejected

if TYPE_CHECKING:
    from adapters.decision_log.pseudonyms import Pseudonyms
    from adapters.decision_log.reading import ParquetDecisionLog
    from adapters.decision_log.tidying import TidyDecisions
    from adapters.object_store import ObstoreObjectStore
    from api.composition.metrics import Metrics
    from domain.customers import DecisionEraser

_LOG = "PROPENSITY_DECISION_LOG"
_KEY = "PROPENSITY_DECISION_LOG_KEY"


def check_decision_log(settings: Settings) -> None:
    """Returns when decisions can be logged, or are not to be.

    Raises:
        Rejected: the extra `decisions` is not installed, or there is no key.
    """
    if settings.decision_log:
        _check_extra()
        _check_key(settings)


def open_decision_log(settings: Settings) -> "ParquetDecisionLog":
    """The decisions that were logged.

    Raises:
        Rejected: no place or no key is set, or the extra is missing.
        StoreUnavailable: the place cannot be opened.
    """
    store, pseudonyms = _place(settings), _pseudonyms(settings)
    from adapters.decision_log.reading import ParquetDecisionLog

    return ParquetDecisionLog(store, pseudonyms, clock=SystemClock())


def tidy_decisions(settings: Settings) -> "TidyDecisions":
    """What keeps the log in order; it needs no key.

    Raises:
        Rejected: no place is set, or the extra is missing.
        StoreUnavailable: the place cannot be opened.
    """
    store = _place(settings)
    from adapters.decision_log.tidying import TidyDecisions

    return TidyDecisions(
        store, clock=SystemClock(), retention_days=settings.decision_log_retention_days
    )


def decision_eraser(settings: Settings) -> "DecisionEraser | None":
    """What hides the decisions of an erased customer; None where none are logged.

    Raises:
        Rejected: there is no key.
        StoreUnavailable: the place cannot be opened.
    """
    if not settings.decision_log:
        return None
    from adapters.decision_log.erasing import MarkedDecisionEraser
    from adapters.object_store import open_object_store

    return MarkedDecisionEraser(open_object_store(settings.decision_log), _pseudonyms(settings))


class DecisionLogging:
    """What a serving process logs by; where nothing is logged, it starts and stops nothing."""

    def __init__(self, settings: Settings, metrics: "Metrics | None") -> None:
        from domain.decision_log import LogDecisions

        clock, shares = SystemClock(), settings.logged_shares
        self.log: LogDecisions = LogDecisions(
            keep=lambda _: False,
            clock=clock,
            random=secrets.randbits,
            propensity=shares.get("propensity", 0),
            flags=shares.get("flags", 0),
        )
        self._writer = None
        if settings.decision_log:
            from dataclasses import replace

            from adapters.decision_log.writing import DecisionWriter

            self._writer = DecisionWriter(
                _place(settings),
                _pseudonyms(settings),
                clock=clock,
                flush_s=settings.decision_log_flush_s,
                observer=None if metrics is None else metrics.decisions,
            )
            self.log = replace(self.log, keep=self._writer.keep)

    def start(self) -> None:
        """What is logged is written from now on."""
        if self._writer is not None:
            self._writer.start()

    def stop(self) -> None:
        """What waits is written."""
        if self._writer is not None:
            self._writer.stop()


def _place(settings: Settings) -> "ObstoreObjectStore":
    from adapters.object_store import open_object_store

    if not settings.decision_log:
        raise Rejected(_LOG, "is not set: name the folder or bucket to which the servers log")
    _check_extra()
    return open_object_store(settings.decision_log)


def _check_extra() -> None:
    if find_spec("pyarrow") is None:
        raise Rejected(_LOG, "needs the extra: pip install 'propensity[decisions]'")


def _check_key(settings: Settings) -> None:
    if not settings.decision_log_keys:
        raise Rejected(
            _KEY,
            "is needed beside PROPENSITY_DECISION_LOG, such as `openssl rand -base64 32`; keep it: "
            "without it nobody can tell of whom a decision was",
        )


def _pseudonyms(settings: Settings) -> "Pseudonyms":
    _check_key(settings)
    from adapters.decision_log.pseudonyms import Pseudonyms

    return Pseudonyms(settings.decision_log_keys)

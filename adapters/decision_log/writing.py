"""Decisions on their way to the log: appended on the request's path, written by a thread."""

import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from threading import Event, Lock, Thread

import pyarrow as pa

from adapters.decision_log.columns import FileMaker, batch_of, warm_up
from adapters.decision_log.places import folder_of, hour_of
from adapters.decision_log.pseudonyms import Pseudonyms
from domain.backoff import pause_after
from domain.decision_log import Answer, DecisionLogObserver
from domain.errors import StoreUnavailable
from domain.values import MICROS_PER_SECOND, Clock
from model_registry.ports import ObjectStore

MOST_WAITING = 50_000
"""Decisions in memory, with those of files that could not be written yet: about 100 MB at most."""
FILE_ROWS = 10_000
"""As soon as so many wait, they are written."""
OLDEST_S = 600
"""Seconds after which what could not be written is dropped; an erasure counts on it."""
STOP_WITHIN_S = 5.0
"""Seconds that a server which stops gives to what still waits."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
_LAST_PAUSE_S = 0.1
_LOOK_S = 1.0
_SLICE = 250
_BREATH_S = 0.0005
"""Between slices: so requests never wait for the interpreter longer than one slice takes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that is not in the log yet."""

    key: str
    content: bytes
    routes: Counter[str]
    oldest: int

    @property
    def rows(self) -> int:
        return self.routes.total()


class DecisionWriter:
    """Takes decisions at once and writes them every so many seconds, a file for each hour.

    What is kept is in the log after `flush_s` seconds and the time of one write, while the store
    answers. One per process, started in the process that serves.
    """

    def __init__(  # noqa: PLR0913  # what tests set apart from what operators set
        self,
        store: ObjectStore,
        pseudonyms: Pseudonyms,
        *,
        clock: Clock,
        flush_s: float,
        observer: DecisionLogObserver | None = None,
        most_waiting: int = MOST_WAITING,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._store = store
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._flush_s = flush_s
        self._observer = observer or _Nobody()
        self._most_waiting = most_waiting
        self._first_pause_s = first_pause_s
        self._lock = Lock()
        self._answers: list[Answer] = []
        self._held = 0
        self._dropped = 0
        self._files: deque[_File] = deque()
        self._process = secrets.token_hex(4)
        self._number = 0
        self._failures = 0
        self._stop_by = 0.0
        self._wake = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="decision-log", daemon=True)

    def keep(self, answer: Answer, /) -> bool:
        """Whether there was a place for it; it is written soon."""
        with self._lock:
            kept = len(self._answers) + self._held < self._most_waiting
            if kept:
                self._answers.append(answer)
            else:
                self._dropped += 1
            full = len(self._answers) >= FILE_ROWS
        if full and not self._wake.is_set():
            self._wake.set()
        return kept

    def start(self) -> None:
        """What is kept is written from now on."""
        warm_up()  # the first file took seconds, with what pyarrow loads when it is first used
        self._thread.start()

    def stop(self, *, within_s: float = STOP_WITHIN_S) -> None:
        """Writes what waits; what is not written by then is dropped, and said to be."""
        self._stop_by = time.monotonic() + within_s
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(within_s)
        with self._lock:
            self._dropped += len(self._answers) + self._held
            self._answers, self._held = [], 0
        self._look()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wait(self.flush())
        while self._waiting and time.monotonic() < self._stop_by:
            self.flush()
            if self._failures:
                time.sleep(_LAST_PAUSE_S)

    def _wait(self, seconds: float) -> None:
        """Until then, or until a file is full; where the store fails, until then."""
        due = time.monotonic() + seconds
        changed = self._stopping if self._failures else self._wake
        while not changed.wait(max(0.0, min(due - time.monotonic(), _LOOK_S))):
            self._look()
            if time.monotonic() >= due:
                break
        self._wake.clear()
        self._look()

    @property
    def _waiting(self) -> int:
        with self._lock:
            return len(self._answers) + self._held

    def flush(self) -> float:
        """Writes everything that waits; the seconds until the next time. Its thread's own."""
        try:
            if not self._files:
                self._take()
            self._put()
        except StoreUnavailable as exc:
            self._failures += 1
            self._observer.failed()
            if self._failures == 1 or self._failures % 10 == 0:
                _log.warning(
                    "decisions_waiting", extra={"times": self._failures, "reason": str(exc)}
                )
            self._drop_the_old()
            return pause_after(
                self._failures, first_s=self._first_pause_s, longest_s=LONGEST_PAUSE_S
            )
        except Exception:  # noqa: BLE001  # whatever it is, the thread must live on
            _log.exception("decision_log_crashed", extra={"count": self._held})
            self._drop(self._held)
            self._files.clear()
        return self._flush_s

    def _take(self) -> None:
        """Makes files of what waits."""
        with self._lock:
            answers, self._answers = self._answers, []
            self._held = len(answers)
        answers.sort(key=lambda each: each.as_of)
        for hour, of_hour in groupby(answers, lambda each: hour_of(each.as_of)):
            self._files.append(self._file(hour, list(of_hour)))

    def _file(self, hour: int, answers: Sequence[Answer]) -> _File:
        maker = FileMaker()
        for start in range(0, len(answers), _SLICE):
            batch = batch_of(answers[start : start + _SLICE], self._pseudonyms)
            maker.add(pa.Table.from_batches([batch]))
            time.sleep(_BREATH_S)
        self._number += 1
        return _File(
            key=f"{folder_of(hour)}{self._process}-{self._number:06d}.parquet",
            content=maker.content(),
            routes=Counter(each.route for each in answers),
            oldest=answers[0].as_of,
        )

    def _put(self) -> None:
        while self._files:
            self._drop_the_old()
            if self._files:
                file = self._files[0]
                # Where it is there already, an earlier attempt came through: the name is ours.
                self._store.put_if_absent(file.key, file.content)
                self._written(file)

    def _written(self, file: _File) -> None:
        self._files.popleft()
        with self._lock:
            self._held -= file.rows
        if self._failures:
            _log.info("decisions_logged_again")
        self._failures = 0
        for route, rows in file.routes.items():
            self._observer.logged(route, rows)

    def _drop_the_old(self) -> None:
        before = self._clock() - OLDEST_S * MICROS_PER_SECOND
        while self._files and self._files[0].oldest < before:
            self._drop(self._files.popleft().rows)
        with self._lock:
            old = sum(1 for _ in takewhile(lambda each: each.as_of < before, self._answers))
            del self._answers[:old]
            self._dropped += old

    def _drop(self, rows: int) -> None:
        with self._lock:
            self._held -= rows
            self._dropped += rows

    def _look(self) -> None:
        with self._lock:
            waiting, dropped, self._dropped = len(self._answers) + self._held, self._dropped, 0
        self._observer.waiting(waiting)
        if dropped:
            self._observer.dropped(dropped)
            _log.warning("decisions_dropped", extra={"count": dropped})


class _Nobody:
    """Is told nothing."""

    def logged(self, route: str, decisions: int, /) -> None:
        """So many are in the log."""

    def dropped(self, decisions: int, /) -> None:
        """So many will not be."""

    def failed(self) -> None:
        """A file could not be written now."""

    def waiting(self, decisions: int, /) -> None:
        """So many are in memory."""

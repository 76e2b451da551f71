"""Shadows: how versions that answer nobody would have answered, compared with what was answered."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from domain.decisions import Policy
from domain.features import Histories
from domain.prediction import Observation, ServedModel, Traffic
from model_registry.storage import Count

BATCH = 64
"""Answers scored at once: a scorer's call costs more than its rows."""
MOST_BATCHES = 16
"""Batches that may wait for the shadows; further answers are skipped, and counted."""
SAMPLE = 512
"""Answers whose ranks are compared: the latest ones."""
EDGES = np.linspace(-1.0, 1.0, 41)
"""Of the histogram's 40 bins of shadow minus answer."""


class Shadowed(StrEnum):
    """What became of one answer that a shadow was to score."""

    AGREED = "agreed"
    DISAGREED = "disagreed"
    """Its decision would have been another."""
    FAILED = "failed"
    DROPPED = "dropped"
    """Too much waited for the shadows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """One shadow against one answering version, since both serve in this process.

    Of `count` answers the shadow `failed` on some, of which `problem` is the latest, and `skipped`
    counts those it never saw. For the others there are sums of shadow minus answer and of its
    absolute value. A histogram of it has 40 bins over [-1, 1]. `changed` is how often the decision
    would have been another. `rank_agreement` is Kendall's tau-b of the latest 512, from -1 to 1; None
    where all are tied. Source: Kendall, The treatment of ties in ranking problems (1945).
    """

    shadow: int
    answered_by: int
    count: Count = 0
    failed: Count = 0
    skipped: Count = 0
    problem: str = ""
    changed: Count = 0
    difference_sum: float = 0.0
    absolute_sum: float = 0.0
    rank_agreement: float | None = None
    histogram: tuple[int, ...] = (0,) * (len(EDGES) - 1)

    @property
    def compared(self) -> int:
        """How many answers have a score of the shadow beside them."""
        return self.count - self.failed

    def plus(self, other: "ShadowReport") -> "ShadowReport":
        """Both together, as of two processes; the agreement is their mean by answers compared."""
        sums = ("count", "failed", "skipped", "changed", "difference_sum", "absolute_sum")
        return replace(
            self,
            problem=self.problem or other.problem,
            rank_agreement=_mean(
                (each.rank_agreement, each.compared)
                for each in (self, other)
                if each.rank_agreement is not None
            ),
            histogram=tuple(a + b for a, b in zip(self.histogram, other.histogram, strict=True)),
            **{name: getattr(self, name) + getattr(other, name) for name in sums},
        )


def merged(reports: Iterable[ShadowReport]) -> Sequence[ShadowReport]:
    """One report per pair of versions, of however many processes."""
    found: dict[tuple[int, int], ShadowReport] = {}
    for report in reports:
        key = (report.shadow, report.answered_by)
        found[key] = found[key].plus(report) if key in found else report
    return [found[key] for key in sorted(found)]


@dataclass(slots=True)
class _Comparison:
    """What a report is made of; `pairs` are the latest answers and scores. Shape: (n, 2)."""

    report: ShadowReport
    pairs: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))

    def add(self, answered: NDArray[np.float64], scores: NDArray[np.float64], changed: int) -> None:
        difference = scores - answered
        counts, _ = np.histogram(difference, EDGES)
        before = self.report
        self.report = replace(
            before,
            count=before.count + len(scores),
            changed=before.changed + changed,
            difference_sum=before.difference_sum + float(difference.sum()),
            absolute_sum=before.absolute_sum + float(np.abs(difference).sum()),
            histogram=tuple((np.array(before.histogram) + counts).tolist()),
        )
        self.pairs = np.concatenate([self.pairs, np.stack([answered, scores], axis=1)])[-SAMPLE:]

    def failed(self, count: int, problem: str) -> None:
        before = self.report
        self.report = replace(
            before, count=before.count + count, failed=before.failed + count, problem=problem
        )


class ShadowScoring:
    """Scores what was answered with every shadow, in batches, and never in an answer's way.

    `hand_off` runs a function soon, elsewhere, one after the other. Whatever goes wrong is counted
    and never raised. `observe` may be called from one thread and `reports` from another. `tell` is
    told of a shadow's version what became of how many answers; it returns at once and never raises.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        hand_off: Callable[[Callable[[], None]], object],
        tell: Callable[[int, Shadowed, int], object] = lambda _version, _outcome, _count: None,
    ) -> None:
        self._policy = policy
        self._hand_off = hand_off
        self._tell = tell
        self._lock = Lock()
        self._waiting: list[Observation] = []
        self._batches = 0
        self._skipped = 0
        self._comparisons: dict[tuple[int, int], _Comparison] = {}

    def observe(self, observation: Observation) -> None:
        """The answer will be compared with what the shadows of its traffic say."""
        with self._lock:
            self._waiting.append(observation)
            full = len(self._waiting) >= BATCH
        if full:
            self.flush()

    def flush(self) -> None:
        """Whatever waits is handed on to the shadows, or skipped where too much waits there."""
        with self._lock:
            batch, self._waiting = self._waiting, []
            if not batch:
                return
            if self._batches >= MOST_BATCHES:
                self._skip(batch)
                return
            self._batches += 1
        try:
            self._hand_off(lambda: self._score(batch))
        except RuntimeError:  # whoever ran these has stopped
            with self._lock:
                self._batches -= 1
                self._skip(batch)

    def newest(self) -> Sequence[ShadowReport]:
        """What was found so far; what waits is handed on, and told the next time."""
        self.flush()
        return self.reports()

    def reports(self) -> Sequence[ShadowReport]:
        """What was found so far, of the versions that serve now."""
        with self._lock:
            found = [
                replace(each.report, skipped=self._skipped, rank_agreement=_tau_b(each.pairs))
                for each in self._comparisons.values()
            ]
        return merged(found)

    def _skip(self, batch: Sequence[Observation]) -> None:
        """Counted, and reported even where no shadow ever came to score anything."""
        self._skipped += len(batch)
        for observation in batch:
            for shadow in observation.traffic.shadows:
                self._comparison(shadow.version, observation.model.version)
                self._tell(shadow.version, Shadowed.DROPPED, 1)

    def _comparison(self, shadow: int, answered_by: int) -> _Comparison:
        report = ShadowReport(shadow=shadow, answered_by=answered_by)
        return self._comparisons.setdefault((shadow, answered_by), _Comparison(report))

    def _score(self, batch: Sequence[Observation]) -> None:
        try:
            for _, group in groupby(sorted(batch, key=_asked), key=_asked):
                self._compare(list(group))
        finally:
            with self._lock:
                self._batches -= 1

    def _compare(self, batch: Sequence[Observation]) -> None:
        traffic = batch[0].traffic
        self._forget_others(traffic)
        histories = _at_one_instant(batch)
        for shadow in traffic.shadows:
            problem, scores = "", np.empty(0)
            try:
                _, scores = shadow.scores(histories, batch[0].as_of, target=batch[0].category)
            except Exception as exc:  # noqa: BLE001  # a plugin, which may raise anything
                problem = f"{type(exc).__name__}: {exc}"[:200]
            self._note(shadow, batch, scores, problem)

    def _note(
        self,
        shadow: ServedModel,
        batch: Sequence[Observation],
        scores: NDArray[np.float64],
        problem: str,
    ) -> None:
        versions = np.array([observation.model.version for observation in batch])
        answered = np.array([observation.probability for observation in batch])
        shown = np.array([observation.show for observation in batch])
        with self._lock:
            for version in np.unique(versions).tolist():
                mine = versions == version
                count = int(mine.sum())
                comparison = self._comparison(shadow.version, version)
                if problem:
                    comparison.failed(count, problem)
                    self._tell(shadow.version, Shadowed.FAILED, count)
                    continue
                changed = int((self._policy.shows(scores[mine]) != shown[mine]).sum())
                comparison.add(answered[mine], scores[mine], changed)
                self._tell(shadow.version, Shadowed.AGREED, count - changed)
                self._tell(shadow.version, Shadowed.DISAGREED, changed)

    def _forget_others(self, traffic: Traffic) -> None:
        """What serves no more is no longer reported; what serves on is counted on."""
        shadows = {shadow.version for shadow in traffic.shadows}
        answering = {model.version for model in traffic.answering.values()}
        with self._lock:
            for shadow, answered_by in list(self._comparisons):
                if shadow not in shadows or answered_by not in answering:
                    del self._comparisons[shadow, answered_by]


def _asked(observation: Observation) -> tuple[int, str]:
    """What is scored together: the same models about the same category."""
    return id(observation.traffic), observation.category or ""


def _at_one_instant(batch: Sequence[Observation]) -> Histories:
    """The histories moved in time, each by a whole number of microseconds, to the first's as_of.

    Features look at time before as_of only, so none of them changes by a bit.
    """
    histories = Histories.of([observation.purchases for observation in batch])
    moved = np.array([batch[0].as_of - observation.as_of for observation in batch], dtype=np.int64)
    return histories.moved(moved)


def _tau_b(pairs: NDArray[np.float64]) -> float | None:
    answered, scores = (np.sign(column[:, None] - column) for column in pairs.T)
    untied = float(np.sqrt((answered**2).sum() * (scores**2).sum()))
    return float((answered * scores).sum()) / untied if untied else None


def _mean(weighted: Iterable[tuple[float, int]]) -> float | None:
    pairs = list(weighted)
    weight = sum(count for _, count in pairs)
    return sum(value * count for value, count in pairs) / weight if weight else None

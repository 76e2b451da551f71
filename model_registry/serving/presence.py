"""Presence: which processes serve a model, and which revision each of them serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import to_builtins

from domain.prediction import Traffic
from domain.values import MICROS_PER_SECOND, Clock
from model_registry.errors import CorruptRegistry, NotConverged
from model_registry.ports import Status, StatusStore
from model_registry.serving.shadow import ShadowReport
from model_registry.storage import Count, canonical, check_name, decoded, statuses_prefix

TTL_S = 10.0
"""A process that has not said for so long what it serves is taken for dead.

The clocks of the store and of whoever asks may differ by less than that.
"""
FORGOTTEN_S = 3_600.0
"""What a dead process said is removed after so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One live process; revision and version 0 are none. `problem` says what it could not load."""

    process: str
    revision: int
    version: int
    problem: str
    age_s: float
    shadows: Sequence[ShadowReport] = ()

    def why_behind(self, revision: int) -> str:
        """Who this is and why that revision is not served."""
        serves = f"serves revision {self.revision}" if self.revision else "serves nothing"
        reason = self.problem or f"has not loaded revision {revision} yet"
        return f"{self.process} {serves}: {reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    revision: Count
    version: Count
    problem: str
    shadows: tuple[ShadowReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What processes say of themselves, in the registry's store, with expiry.

    Every method may raise StoreUnavailable, and InvalidRequest where a model name is none.
    """

    store: StatusStore
    clock: Clock

    def publish(
        self,
        name: str,
        process: str,
        *,
        traffic: Traffic | None,
        problems: Sequence[str],
        shadows: Sequence[ShadowReport] = (),
    ) -> None:
        """The process lives, this is what it serves, and what its shadows would have answered.

        To be said again before it expires.
        """
        content = canonical(
            to_builtins(
                _Status(
                    revision=traffic.revision if traffic else 0,
                    version=traffic.champion.version if traffic else 0,
                    problem="; ".join(problems),
                    shadows=tuple(shadows),
                )
            )
        )
        self.store.put_status(_key(name, process), content)

    def withdraw(self, name: str, process: str) -> None:
        """The process serves no more."""
        self.store.remove_status(_key(name, process))

    def live(self, name: str) -> Sequence[Serving]:
        """Every process that said lately what it serves; by ascending name."""
        check_name(name)
        found = [(status, self._age_s(status)) for status in self._statuses(name)]
        return [_serving(status, age_s) for status, age_s in found if age_s <= TTL_S]

    def forget_the_dead(self, name: str) -> None:
        """Nothing is left of processes that have been silent for long."""
        for status in self._statuses(name):
            if self._age_s(status) > FORGOTTEN_S:
                self.store.remove_status(status.key)

    def await_served(
        self,
        name: str,
        revision: int,
        *,
        timeout_s: float,
        seconds: Callable[[], float],
        pause: Callable[[float], object],
    ) -> Sequence[Serving]:
        """The live processes, once all of them serve at least that revision.

        Raises:
            NotConverged: one does not within `timeout_s`, or none lives at all; names each.
        """
        end = seconds() + timeout_s
        while True:
            live = self.live(name)
            behind = [process for process in live if process.revision < revision]
            if live and not behind:
                return live
            if seconds() >= end:
                raise NotConverged(_why(name, revision, behind, timeout_s))
            pause(0.1)

    def _statuses(self, name: str) -> Sequence[Status]:
        return self.store.statuses(statuses_prefix(name))

    def _age_s(self, status: Status) -> float:
        return max(0.0, (self.clock() - status.written_at) / MICROS_PER_SECOND)


def _why(name: str, revision: int, behind: Sequence[Serving], timeout_s: float) -> str:
    if not behind:
        return f"no process serves model {name!r}, so nobody serves revision {revision}"
    reasons = "; ".join(process.why_behind(revision) for process in behind)
    return f"revision {revision} is not served everywhere after {timeout_s:g} s: {reasons}"


def _key(name: str, process: str) -> str:
    return f"{statuses_prefix(name)}{process}.json"


def _serving(status: Status, age_s: float) -> Serving:
    process = status.key.rpartition("/")[2].removesuffix(".json")
    try:
        stored = decoded(status.key, status.content, _Status)
    except CorruptRegistry as exc:
        stored = _Status(revision=0, version=0, problem=str(exc))
    return Serving(
        process=process,
        revision=stored.revision,
        version=stored.version,
        problem=stored.problem,
        age_s=age_s,
        shadows=stored.shadows,
    )

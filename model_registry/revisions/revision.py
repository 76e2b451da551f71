"""Revision: one entry of a model's log; it holds the whole desired state, so one is enough."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from msgspec import Meta

from domain.prediction import Arm
from domain.values import BUCKETS
from model_registry.errors import CorruptRegistry
from model_registry.storage import Count, Number, Sha256, Text, canonical, check_canonical, decoded

SCHEMA = 3
"""Raised whenever a revision changes form, so that older code refuses what it cannot read."""

CHAMPION = str(Arm.CHAMPION)
"""The alias of the version that answers customers."""
CHALLENGER = str(Arm.CHALLENGER)
"""The alias of the version that answers a share of them."""


class Action(StrEnum):
    """Why there is a new revision."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    SPLIT = "split"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate saw of a version before it was activated; only a forced one may have failed."""

    version: Number
    gate: Text
    passed: bool
    detail: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Which versions answer whom, and which only watch.

    The challenger answers `basis_points` of 10,000 customers. `manifests` holds the SHA-256 of
    the manifest of each of these versions, in lower-case hex: what was activated is what is
    served, to the byte.
    """

    champion: int
    challenger: int | None = None
    basis_points: int = 0
    shadows: tuple[int, ...] = ()
    manifests: Mapping[int, str]

    @property
    def answering(self) -> tuple[int, int | None, int]:
        """What decides who is answered by what: equal for states that answer alike."""
        return self.champion, self.challenger, self.basis_points

    @property
    def aliases(self) -> Mapping[str, int]:
        """What each alias means; aliases are lower case, `champion` is always there."""
        challenger = {} if self.challenger is None else {CHALLENGER: self.challenger}
        return {CHAMPION: self.champion, **challenger}

    @property
    def versions(self) -> Sequence[int]:
        """Every version of the state, those that answer first."""
        return [*self.aliases.values(), *self.shadows]

    def changed(self, manifests: Mapping[int, str], **to: Any) -> "State":
        """The state with these fields; `manifests` are those of versions it did not have."""
        after = replace(self, **to)
        known = {**self.manifests, **manifests}
        return replace(after, manifests={version: known[version] for version in after.versions})


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Who made which state the desired one, when and why; immutable, numbered from 1.

    Units: `at` in microseconds since the epoch, UTC, by the writer's clock: order is by number
    only. `previous_sha256` is the SHA-256 of the previous revision's stored bytes.
    `gates` are the results that the activated versions had then.
    """

    number: int
    previous_sha256: str | None
    at: int
    actor: str
    reason: str
    action: Action
    gates: tuple[GateResult, ...]
    state: State

    @property
    def forced(self) -> bool:
        """Whether a gate that did not pass was overruled, for the reason given."""
        return not all(result.passed for result in self.gates)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the stored bytes, in lower-case hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """The revision as canonical JSON."""
        return canonical(
            {
                "schema": SCHEMA,
                "number": self.number,
                "previous_sha256": self.previous_sha256,
                "at": self.at,
                "actor": self.actor,
                "reason": self.reason,
                "action": self.action,
                "gates": [asdict(result) for result in self.gates],
                "state": {
                    "aliases": dict(self.state.aliases),
                    "basis_points": self.state.basis_points,
                    "shadows": list(self.state.shadows),
                    "manifests": {str(v): sha for v, sha in self.state.manifests.items()},
                },
            }
        )

    @classmethod
    def decode(cls, key: str, content: bytes) -> "Revision":
        """The revision stored under `key`; encoding it gives the same bytes again.

        Raises:
            CorruptRegistry: it is not a revision of this schema; names the field.
        """
        stored = decoded(key, content, _Stored, schema=SCHEMA)
        if (stored.number == 1) != (stored.previous_sha256 is None):
            raise CorruptRegistry(key, "field 'previous_sha256' does not fit the number")
        revision = cls(
            number=stored.number,
            previous_sha256=stored.previous_sha256,
            at=stored.at,
            actor=stored.actor,
            reason=stored.reason,
            action=stored.action,
            gates=stored.gates,
            state=stored.state.state(key),
        )
        check_canonical(key, content, revision.encode())
        return revision


Judge: TypeAlias = Callable[[Revision | None], tuple[GateResult, ...]]
"""What gates see that look at the current revision; raises GateFailed where one is not passed."""


def without_judging(_: Revision | None) -> tuple[GateResult, ...]:
    """No gate looks at the current revision."""
    return ()


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants of the log: a new state, given the present one.

    `gates` saw what they saw whatever the present one is; `judge` depends on it.
    """

    action: Action
    actor: str
    reason: str
    state_after: Callable[[Revision | None], State]
    gates: tuple[GateResult, ...] = ()
    judge: Judge = without_judging

    def after(self, current: Revision | None, *, at: int) -> Revision:
        """The revision that makes this change to the current one; None: to an empty log.

        Raises:
            PropensityError: the change cannot be made to it, or is judged not to be.
        """
        state = self.state_after(current)
        return Revision(
            number=1 if current is None else current.number + 1,
            previous_sha256=None if current is None else current.sha256,
            at=at,
            actor=self.actor,
            reason=self.reason,
            action=self.action,
            gates=(*self.gates, *self.judge(current)),
            state=state,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aliases:
    champion: Number
    challenger: Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    aliases: _Aliases
    basis_points: Annotated[int, Meta(ge=0, le=BUCKETS)]
    shadows: tuple[Number, ...]
    manifests: Mapping[int, Sha256]

    def state(self, key: str) -> State:
        """The state, whose parts fit together.

        Raises:
            CorruptRegistry: they do not.
        """
        champion, challenger = self.aliases.champion, self.aliases.challenger
        state = State(
            champion=champion,
            challenger=challenger,
            basis_points=self.basis_points,
            shadows=self.shadows,
            manifests=self.manifests,
        )
        if (challenger is None) != (self.basis_points == 0):
            raise CorruptRegistry(key, "field 'state.basis_points' does not fit the challenger")
        if len(set(state.versions)) < len(state.versions):
            raise CorruptRegistry(key, "field 'state' names a version twice")
        if set(self.manifests) != set(state.versions):
            raise CorruptRegistry(key, "field 'state.manifests' is not of the state's versions")
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    number: Number
    previous_sha256: Sha256 | None
    at: Count
    actor: Text
    reason: Text
    action: Action
    gates: tuple[GateResult, ...]
    state: _State

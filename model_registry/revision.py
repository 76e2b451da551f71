"""Revision: one entry of a model's log; it holds the whole desired state, so one is enough."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from model_registry.canonical import Fields, canonical, check_canonical
from model_registry.errors import CorruptRegistry

SCHEMA = 2
"""Raised whenever a revision changes form, so that older code refuses what it cannot read."""

CHAMPION = "champion"
"""The alias of the version that answers customers."""

_ALIAS = re.compile(r"[a-z][a-z0-9-]*")


class Action(StrEnum):
    """Why there is a new revision."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate saw of a version before it was activated; only a forced one may have failed."""

    version: int
    gate: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class State:
    """Which version each alias means; aliases are lower case, `champion` is always there.

    `manifests` holds the SHA-256 of each of these versions' manifests, in lower-case hex: what
    was promoted is what is served, to the byte.
    """

    aliases: Mapping[str, int]
    manifests: Mapping[str, str]

    @property
    def champion_sha256(self) -> str:
        """The SHA-256 of the champion's manifest."""
        return self.manifests[CHAMPION]

    @property
    def champion(self) -> int:
        """The version that answers customers."""
        return self.aliases[CHAMPION]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Who made which state the desired one, when and why; immutable, numbered from 1.

    Units: `at` in microseconds since the epoch, UTC, by the writer's clock: order is by number
    only. `previous_sha256` is the SHA-256 of the previous revision's stored bytes.
    `gates` are the results that the activated version had then.
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
                    "manifests": dict(self.state.manifests),
                },
            }
        )

    @classmethod
    def decode(cls, key: str, content: bytes) -> "Revision":
        """The revision stored under `key`; encoding it gives the same bytes again.

        Raises:
            CorruptRegistry: it is not a revision of this schema; names the field.
        """
        fields = Fields.parse(key, content).of_schema(SCHEMA).only(*_FIELDS)
        number = fields.integer("number", least=1)
        revision = cls(
            number=number,
            previous_sha256=fields.sha256("previous_sha256") if number > 1 else None,
            at=fields.integer("at"),
            actor=fields.text("actor"),
            reason=fields.text("reason"),
            action=_action(fields),
            gates=_gates(fields.listed("gates")),
            state=_state(fields.within("state").only("aliases", "manifests")),
        )
        check_canonical(key, content, revision.encode())
        return revision


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants of the log: a new state, given the present one."""

    action: Action
    actor: str
    reason: str
    state_after: Callable[[Revision | None], State]
    gates: tuple[GateResult, ...] = ()

    def after(self, current: Revision | None, *, at: int) -> Revision:
        """The revision that makes this change to the current one; None: to an empty log."""
        return Revision(
            number=1 if current is None else current.number + 1,
            previous_sha256=None if current is None else current.sha256,
            at=at,
            actor=self.actor,
            reason=self.reason,
            action=self.action,
            gates=self.gates,
            state=self.state_after(current),
        )


_FIELDS = "schema number previous_sha256 at actor reason action gates state".split()

_GATE_FIELDS = ("version", "gate", "passed", "detail")


def _action(fields: Fields) -> Action:
    try:
        return Action(fields.text("action"))
    except ValueError as exc:
        raise CorruptRegistry(fields.key, f"field 'action': {exc}") from exc


def _gates(fields: Fields) -> tuple[GateResult, ...]:
    parts = [fields.within(place).only(*_GATE_FIELDS) for place in fields.values]
    return tuple(
        GateResult(
            version=part.integer("version", least=1),
            gate=part.text("gate"),
            passed=part.truth("passed"),
            detail=part.text("detail"),
        )
        for part in parts
    )


def _state(fields: Fields) -> State:
    aliases = _aliases(fields.within("aliases"))
    manifests = fields.within("manifests").only(*aliases)
    return State(aliases, {alias: manifests.sha256(alias) for alias in aliases})


def _aliases(fields: Fields) -> dict[str, int]:
    fields.integer(CHAMPION, least=1)
    for alias in fields.values:
        if _ALIAS.fullmatch(alias) is None:
            raise CorruptRegistry(fields.key, f"alias {alias!r:.80} must be lower case")
    return {alias: fields.integer(alias, least=1) for alias in fields.values}

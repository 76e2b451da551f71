"""A creation: who creates a campaign since when, how far it has come, or why it failed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domain.audience import ReadWay
from domain.campaigns.campaign import Policy
from domain.errors import Conflict
from domain.values import MICROS_PER_SECOND, instant

BEAT_S = 2.0
"""Seconds after which a creation says again that it goes on."""
SILENT_US = 60 * MICROS_PER_SECOND
"""A creation that said nothing for so long has ended: its process is gone."""
LOST = "the process that created it ended; create it again"


class CreationState(StrEnum):
    """What became of a creation so far."""

    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignWanted:
    """What somebody wants frozen. `as_of` in microseconds since the epoch, UTC; None: now.

    `model` None is the usual one of audiences, `revision` None what it serves now. `suppressed` are
    ids that must not be contacted; they count where the policy has a suppression list.
    """

    name: str
    category: str
    policy: Policy
    model: str | None = None
    revision: int | None = None
    as_of: int | None = None
    way: ReadWay | None = None
    suppressed: Iterable[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who creates a campaign since an instant, microseconds since the epoch, UTC.

    The highest `number` of a name holds it.
    """

    name: str
    number: int
    owner: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a creation has come: a step, and how many customers of how many are done."""

    step: str = "beginning"
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """What is known of the newest creation of a name. Instants in microseconds, UTC.

    `told_at` is when its process was last heard of. `reason` says why it failed.
    """

    claim: Claim
    told_at: int
    progress: Progress = field(default_factory=Progress)
    reason: str | None = None
    ready: bool = False

    @property
    def state(self) -> CreationState:
        """What became of it, as far as is told."""
        if self.ready:
            return CreationState.READY
        return CreationState.CREATING if self.reason is None else CreationState.FAILED

    def seen_at(self, now: int) -> "Creation":
        """The creation as it must be seen then: whose process is silent has failed."""
        silent = now - self.told_at >= SILENT_US and self.state is CreationState.CREATING
        return replace(self, reason=LOST) if silent else self


def check_free(found: Creation) -> None:
    """Returns when the newest creation of a name left it free.

    Raises:
        Conflict: there is a campaign, or somebody creates one.
    """
    if found.state is CreationState.READY:
        raise taken(found.claim.name)
    if found.state is CreationState.CREATING:
        raise being_created(found.claim)


def taken(name: str) -> Conflict:
    """The name has a campaign."""
    return Conflict(f"a campaign {name!r} is there already; choose another name")


def being_created(claim: Claim) -> Conflict:
    """Somebody is about to have the name."""
    return Conflict(
        f"a campaign {claim.name!r} is being created since {instant.render(claim.at)} by "
        f"{claim.owner}; wait for it, or choose another name"
    )

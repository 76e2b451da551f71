"""Whether a version would be promoted now: what each gate sees of it, before anything is done."""

from msgspec import Struct

from api.documents.models import GateSeen
from model_registry.registry import Registry

OVERRULED = frozenset({"quality", "latency"})
"""Gates that a reason given may overrule."""


class Findings(Struct, frozen=True, kw_only=True):
    """What the gates see of a version now, beside the current champion."""

    version: int
    gates: list[GateSeen]

    @property
    def passed(self) -> bool:
        """Whether every gate is passed."""
        return all(each.passed for each in self.gates)

    @property
    def may_be_overruled(self) -> bool:
        """Whether those that are not passed may be overruled."""
        return all(each.passed or each.gate in OVERRULED for each in self.gates)


def findings(registry: Registry, name: str, version: int) -> Findings:
    """What the gates see now.

    Raises:
        UnknownModel, UnknownVersion: there is no such version.
        CorruptRegistry: the version or the current revision is damaged.
        StoreUnavailable: the registry could not be read.
    """
    seen = registry.findings(name, version)
    return Findings(version=version, gates=[GateSeen.of(each) for each in seen])

"""The model registry, for those who need no tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from api.process import Settings
from domain.values import Currency

if TYPE_CHECKING:
    from domain.audit import AuditTrail
    from model_registry.registry import Registry
    from model_registry.serving import Presence
    from model_registry.versions import Candidate


def open_registry(settings: Settings) -> "Registry":
    """The model registry where the settings say it is."""
    from adapters.object_store import open_object_store
    from model_registry.gates import LoadGates, ScorerPlugins
    from model_registry.registry import Registry

    gates = LoadGates(
        scorer_factory=ScorerPlugins.installed(allowed=settings.scorer_kinds).factory,
        currency=Currency.of(settings.currency),
        retention=settings.retention.purchases,
    )
    store = open_object_store(settings.registry_location)
    return Registry(store=store, clock=SystemClock(), gates=gates)


def audit_trail(settings: Settings) -> "AuditTrail":
    """The audit, which lies beside the registry."""
    from adapters.audit_log import ObjectAuditLog
    from adapters.object_store import open_object_store
    from domain.audit import AuditTrail

    log = ObjectAuditLog(open_object_store(settings.registry_location))
    return AuditTrail(log=log, clock=SystemClock())


def presence_only(settings: Settings) -> "Presence":
    """Which processes serve which revision."""
    from adapters.object_store import open_object_store
    from model_registry.serving import Presence

    return Presence(store=open_object_store(settings.registry_location), clock=SystemClock())


def candidate_in(folder: Path, settings: Settings) -> "Candidate":
    """The candidate that a folder describes.

    Raises:
        Rejected: a file is missing, or is not what it should be.
    """
    from adapters.candidate_folder import read_candidate

    return read_candidate(folder, Currency.of(settings.currency))

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


def candidate_in(folder: Path, settings: Settings, *, model: str) -> "Candidate":
    """The candidate that a folder describes, with its card.

    Raises:
        Rejected: a file is missing, or is not what it should be.
    """
    from adapters.candidate_folder import read_candidate
    from adapters.feature_sets import built_in_sets
    from adapters.model_card import with_card

    candidate = read_candidate(folder, Currency.of(settings.currency), built_in_sets())
    return with_card(candidate, model=model)


def package_model(model: Path, training_set: Path, folder: Path, settings: Settings) -> Path:
    """The description of a candidate, made from a model that was fitted on that training set.

    Raises:
        Rejected: the model or the training set cannot be read; says why.
        TrainingRefused: the export scores otherwise than the model itself.
    """
    from adapters.training.files import read_training_set
    from adapters.training.packaging import package

    build = open_registry(settings).gates.scorer_factory("onnx")
    return package(model, read_training_set(training_set), folder, build=build)

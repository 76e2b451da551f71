"""The composition root: the one place where adapters are built and use cases get theirs."""

from api.composition.application import Application, application
from api.composition.local import (
    audience_files,
    engine,
    file_purchases,
    port_is_free,
    sample_purchases,
)
from api.composition.queues import queues, worker
from api.composition.registry import candidate_in, open_registry, presence_only

__all__ = [
    "Application",
    "application",
    "audience_files",
    "candidate_in",
    "engine",
    "file_purchases",
    "open_registry",
    "port_is_free",
    "presence_only",
    "queues",
    "sample_purchases",
    "worker",
]

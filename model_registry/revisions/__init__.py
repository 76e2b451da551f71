"""Revisions: who made what live, when and why."""

from model_registry.revisions.log import RevisionLog
from model_registry.revisions.revision import (
    Action,
    Change,
    GateResult,
    Judge,
    Revision,
    State,
    without_judging,
)

__all__ = [
    "Action",
    "Change",
    "GateResult",
    "Judge",
    "Revision",
    "RevisionLog",
    "State",
    "without_judging",
]

"""What looks back at logged decisions: whether they come out again, and what came of them."""

from typing import TYPE_CHECKING

from api.composition.application import Application
from api.composition.decision_log import open_decision_log

if TYPE_CHECKING:
    from domain.outcomes import JoinOutcomes
    from domain.replay import ReplayDecision


def replay_of(built: Application) -> "ReplayDecision":
    """What computes logged decisions again."""
    from domain.replay import ReplayDecision
    from model_registry.serving import LoggedVersions

    return ReplayDecision(
        load=LoggedVersions(built.registry), history=built.history, records=built.records
    )


def outcomes_of(built: Application) -> "JoinOutcomes":
    """What joins logged decisions with what was bought.

    Raises:
        Rejected: no decisions are logged.
    """
    from domain.outcomes import JoinOutcomes

    return JoinOutcomes(
        log=open_decision_log(built.settings),
        history=built.history,
        retention=built.settings.retention.purchases,
        clock=built.clock,
    )

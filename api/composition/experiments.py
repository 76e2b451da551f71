"""Campaigns of a deployment: created and measured."""

from typing import TYPE_CHECKING

from api.composition.campaigns import check_installed, open_campaigns

if TYPE_CHECKING:
    from api.composition.application import Application
    from domain.campaigns import CreateCampaign, MeasureExperiment, ReadSpans


def create_campaign(built: "Application") -> "CreateCampaign":
    """Creates campaigns of a deployment.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    from adapters.campaigns import TemporarySpool
    from domain.campaigns import CreateCampaign

    check_installed("pyarrow", "scipy")
    from adapters.statistics import ScipyStatistics

    campaigns = open_campaigns(built.settings)
    return CreateCampaign(
        audience=built.audience,
        spans=_spans(built),
        drafts=campaigns,
        campaigns=campaigns,
        statistics=ScipyStatistics(),
        spool=TemporarySpool,
        clock=built.clock,
    )


def measure_experiment(built: "Application") -> "MeasureExperiment":
    """Measures what members of campaigns bought.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    check_installed("pyarrow", "scipy")
    from adapters.statistics import ScipyStatistics
    from domain.campaigns import MeasureExperiment

    return MeasureExperiment(
        spans=_spans(built),
        statistics=ScipyStatistics(),
        clock=built.clock,
        deadline_s=built.settings.audience_deadline_s,
    )


def _spans(built: "Application") -> "ReadSpans":
    from domain.campaigns import ReadSpans

    return ReadSpans(recent=built.recent, history=built.history)

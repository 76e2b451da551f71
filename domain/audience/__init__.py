"""A category's customers: planned, read, scored and held out."""

from domain.audience.cost_plan import Plan, ReadWay
from domain.audience.holdout import Holdout, Listed
from domain.audience.planning import PlanAudience
from domain.audience.reads import AudienceSummary, Member
from domain.audience.stream import AudiencePage, AudienceQuery, ScoreAudience

__all__ = [
    "AudiencePage",
    "AudienceQuery",
    "AudienceSummary",
    "Holdout",
    "Listed",
    "Member",
    "Plan",
    "PlanAudience",
    "ReadWay",
    "ScoreAudience",
]

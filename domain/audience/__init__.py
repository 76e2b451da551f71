"""A category's customers: planned, read, scored and held out."""

from domain.audience.cost_plan import INDEX_ENTRY_BYTES, Plan, ReadWay
from domain.audience.holdout import Holdout, Listed
from domain.audience.planning import PlanAudience
from domain.audience.reads import AudienceSummary, Member
from domain.audience.stream import AudiencePage, AudienceQuery, Position, ScoreAudience

__all__ = [
    "INDEX_ENTRY_BYTES",
    "AudiencePage",
    "AudienceQuery",
    "AudienceSummary",
    "Holdout",
    "Listed",
    "Member",
    "Plan",
    "PlanAudience",
    "Position",
    "ReadWay",
    "ScoreAudience",
]

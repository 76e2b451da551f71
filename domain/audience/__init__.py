"""A category's customers: planned, read, scored and held out."""

from domain.audience.cost_plan import Plan as Plan
from domain.audience.cost_plan import ReadWay as ReadWay
from domain.audience.holdout import Holdout as Holdout
from domain.audience.holdout import Listed as Listed
from domain.audience.planning import PlanAudience as PlanAudience
from domain.audience.reads import AudienceSummary as AudienceSummary
from domain.audience.reads import Member as Member
from domain.audience.stream import AudiencePage as AudiencePage
from domain.audience.stream import AudienceQuery as AudienceQuery
from domain.audience.stream import ScoreAudience as ScoreAudience

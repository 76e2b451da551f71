"""A category's customers: planned, read, scored and held out."""

from domain.audience.cost_plan import Plan as Plan
from domain.audience.cost_plan import ReadWay as ReadWay
from domain.audience.holdout import Holdout as Holdout
from domain.audience.holdout import Listed as Listed
from domain.audience.member import NO_BUYERS as NO_BUYERS
from domain.audience.member import Expectation as Expectation
from domain.audience.member import Member as Member
from domain.audience.planning import PlanAudience as PlanAudience
from domain.audience.reads import AudienceSummary as AudienceSummary
from domain.audience.reads import Tries as Tries
from domain.audience.reads import together as together
from domain.audience.spread import AudienceParts as AudienceParts
from domain.audience.spread import Part as Part
from domain.audience.spread import PartsManifest as PartsManifest
from domain.audience.spread import Piece as Piece
from domain.audience.spread import SpreadAudience as SpreadAudience
from domain.audience.stream import AudiencePage as AudiencePage
from domain.audience.stream import AudienceQuery as AudienceQuery
from domain.audience.stream import ScoreAudience as ScoreAudience

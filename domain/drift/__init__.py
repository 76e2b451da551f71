"""Drift: whether customers who are asked about now are like those that a version learnt from."""

from domain.drift.bins import SCORE as SCORE
from domain.drift.bins import Bins as Bins
from domain.drift.comparing import FEWEST as FEWEST
from domain.drift.comparing import Comparison as Comparison
from domain.drift.comparing import Measure as Measure
from domain.drift.comparing import Measured as Measured
from domain.drift.comparing import compare as compare
from domain.drift.comparing import jensen_shannon_distance as jensen_shannon_distance
from domain.drift.comparing import population_stability as population_stability
from domain.drift.counting import CountedDay as CountedDay
from domain.drift.reference import Reference as Reference
from domain.drift.sample import WIDTH as WIDTH
from domain.drift.sample import Sample as Sample
from domain.drift.sample import independent_customers as independent_customers
from domain.drift.sample import tally_of as tally_of

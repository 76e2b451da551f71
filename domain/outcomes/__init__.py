"""Outcomes: what customers bought within the horizon of what was foretold of them."""

from domain.outcomes.join import JoinOutcomes as JoinOutcomes
from domain.outcomes.outcomes import NotJoined as NotJoined
from domain.outcomes.outcomes import Outcomes as Outcomes
from domain.outcomes.outcomes import Stratum as Stratum

"""Decisions: what to do about a probability, for whom, and in time."""

from domain.decisions.flag import BANNER as BANNER
from domain.decisions.flag import Flag as Flag
from domain.decisions.flag import FlagValue as FlagValue
from domain.decisions.flag import TopShare as TopShare
from domain.decisions.policy import Decision as Decision
from domain.decisions.policy import Policy as Policy
from domain.decisions.policy import Reason as Reason

"""What was decided, kept: for replay, for outcomes, and for who asks later."""

from domain.decision_log.logged import LoggedDecision as LoggedDecision
from domain.decision_log.logged import Scored as Scored
from domain.decision_log.ports import DecisionLog as DecisionLog

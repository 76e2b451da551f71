"""What was decided, kept: for replay, for outcomes, and for who asks later."""

from domain.decision_log.answers import Answer as Answer
from domain.decision_log.answers import LogDecisions as LogDecisions
from domain.decision_log.answers import decision_id_of as decision_id_of
from domain.decision_log.answers import instant_of as instant_of
from domain.decision_log.logged import LoggedDecision as LoggedDecision
from domain.decision_log.logged import Scored as Scored
from domain.decision_log.ports import DecisionLog as DecisionLog
from domain.decision_log.ports import DecisionLogObserver as DecisionLogObserver
from domain.decision_log.upkeep import LoggedHour as LoggedHour
from domain.decision_log.upkeep import Tidied as Tidied

"""Replay: a logged decision computed again, and why it differs where it does."""

from domain.replay.otherwise import DecideOtherwise as DecideOtherwise
from domain.replay.otherwise import Otherwise as Otherwise
from domain.replay.otherwise import newest_decisions as newest_decisions
from domain.replay.replay import ReplayDecision as ReplayDecision
from domain.replay.replayed import Cause as Cause
from domain.replay.replayed import Changed as Changed
from domain.replay.replayed import Evidence as Evidence
from domain.replay.replayed import Replayed as Replayed
from domain.replay.replayed import Verdict as Verdict
from domain.replay.sample import Sampled as Sampled
from domain.replay.sample import sample as sample

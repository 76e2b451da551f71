"""Revisions: who made what live, when and why."""

from model_registry.revisions.log import RevisionLog as RevisionLog
from model_registry.revisions.revision import Action as Action
from model_registry.revisions.revision import Change as Change
from model_registry.revisions.revision import GateResult as GateResult
from model_registry.revisions.revision import Judge as Judge
from model_registry.revisions.revision import Revision as Revision
from model_registry.revisions.revision import State as State
from model_registry.revisions.revision import without_judging as without_judging

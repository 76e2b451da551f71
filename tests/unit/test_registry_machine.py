"""The registry against a plain model of it: two lists."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from model_registry.errors import (
    RevisionConflict,
    UnknownModel,
    UnknownRevision,
    UnknownVersion,
)
from tests.registries import NAME, a_candidate, a_registry

numbers = st.integers(1, 8)


class RegistryMachine(RuleBasedStateMachine):
    """`weights` are the versions' models, `champions` the champion of each revision."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = a_registry()
        self.weights: list[float] = []
        self.champions: list[int] = []

    @rule(weight=st.floats(0, 1))
    def register(self, weight: float) -> None:
        manifest = self.registry.register(NAME, a_candidate(weight), actor="tests")
        self.weights.append(weight)
        assert manifest.version == len(self.weights)

    @rule(version=numbers, reason=st.text(min_size=1).filter(str.strip))
    def promote(self, version: int, reason: str) -> None:
        if version > len(self.weights):
            with pytest.raises(UnknownVersion if self.weights else UnknownModel):
                self.registry.promote(NAME, version, actor="tests", reason=reason)
            return
        revision = self.registry.promote(NAME, version, actor="tests", reason=reason)
        self.champions.append(version)
        assert (revision.number, revision.reason) == (len(self.champions), reason)

    @precondition(lambda self: self.weights)
    @rule(expected=st.integers(0, 8))
    def promote_expecting(self, expected: int) -> None:
        version = len(self.weights)
        if expected == len(self.champions):
            self.champions.append(version)
        else:
            with pytest.raises(RevisionConflict):
                self._promote(version, expected)
            return
        self._promote(version, expected)

    def _promote(self, version: int, expected: int) -> None:
        self.registry.promote(
            NAME, version, actor="tests", reason="why", expected_revision=expected
        )

    @rule()
    def roll_back(self) -> None:
        others = [other for other in self.champions if other != self.champions[-1]]
        if not others:
            with pytest.raises(UnknownRevision):
                self.registry.rollback(NAME, actor="tests", reason="why")
            return
        self.registry.rollback(NAME, actor="tests", reason="why")
        self.champions.append(others[-1])

    @rule(revision=numbers)
    def roll_back_to(self, revision: int) -> None:
        if revision > len(self.champions):
            with pytest.raises(UnknownRevision):
                self.registry.rollback(NAME, actor="tests", reason="why", to_revision=revision)
            return
        self.registry.rollback(NAME, actor="tests", reason="why", to_revision=revision)
        self.champions.append(self.champions[revision - 1])

    @precondition(lambda self: self.weights)
    @invariant()
    def the_registry_says_what_the_lists_say(self) -> None:
        history = self.registry.history(NAME)
        assert [revision.state.champion for revision in history] == self.champions
        assert self.registry.current(NAME) == (history[-1] if history else None)
        assert list(self.registry.versions(NAME)) == list(range(1, len(self.weights) + 1))
        newest = self.registry.version(NAME, len(self.weights))
        assert self.registry.blob(newest.blobs["model"]) == repr(self.weights[-1]).encode()


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(deadline=None, max_examples=50, stateful_step_count=25)

"""The registry against a plain model of it: two lists."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.errors import InvalidRequest
from model_registry.errors import RevisionConflict, UnknownModel, UnknownRevision, UnknownVersion
from model_registry.revisions import State
from model_registry.serving import LiveModel
from tests.registries import NAME, a_candidate, a_registry

numbers = st.integers(1, 8)


Plain = tuple[int, int | None, int, tuple[int, ...]]
"""Champion, challenger, its basis points, shadows."""


def plain(state: State) -> Plain:
    return (*state.answering, state.shadows)


class RegistryMachine(RuleBasedStateMachine):
    """`weights` are the versions' models, `states` what each revision wants."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = a_registry()
        self.weights: list[float] = []
        self.states: list[Plain] = []

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
        self._promoted(version)
        assert (revision.number, revision.reason) == (len(self.states), reason)

    def _promoted(self, version: int) -> None:
        _, challenger, points, shadows = self.states[-1] if self.states else (0, None, 0, ())
        if challenger == version:
            challenger, points = None, 0
        kept = tuple(shadow for shadow in shadows if shadow != version)
        self.states.append((version, challenger, points, kept))

    @precondition(lambda self: self.weights)
    @rule(expected=st.integers(0, 8))
    def promote_expecting(self, expected: int) -> None:
        version = len(self.weights)
        if expected != len(self.states):
            with pytest.raises(RevisionConflict):
                self._promote(version, expected)
            return
        self._promote(version, expected)
        self._promoted(version)

    def _promote(self, version: int, expected: int) -> None:
        self.registry.promote(
            NAME, version, actor="tests", reason="why", expected_revision=expected
        )

    @precondition(lambda self: self.states)
    @rule(version=numbers, points=st.integers(0, 3))
    def split(self, version: int, points: int) -> None:
        champion, challenger, _, shadows = self.states[-1]
        wanted = {"basis_points": points, "actor": "tests", "reason": "why"}
        if version > len(self.weights):
            with pytest.raises(UnknownVersion):
                self.registry.split(NAME, version, **wanted)  # type: ignore[arg-type]
        elif version == champion or (not points and version != challenger):
            with pytest.raises(InvalidRequest):
                self.registry.split(NAME, version, **wanted)  # type: ignore[arg-type]
        else:
            self.registry.split(NAME, version, **wanted)  # type: ignore[arg-type]
            kept = tuple(s for s in shadows if s != version) if points else shadows
            self.states.append((champion, version if points else None, points, kept))

    @precondition(lambda self: self.states)
    @rule(versions=st.lists(numbers, max_size=3))
    def shadow(self, versions: list[int]) -> None:
        champion, challenger, points, _ = self.states[-1]
        if any(version > len(self.weights) for version in versions):
            trouble: type[Exception] = UnknownVersion
        elif len(set(versions)) < len(versions) or {champion, challenger} & set(versions):
            trouble = InvalidRequest
        else:
            self.registry.shadow(NAME, versions, actor="tests", reason="why")
            self.states.append((champion, challenger, points, tuple(versions)))
            return
        with pytest.raises((trouble, InvalidRequest)):
            self.registry.shadow(NAME, versions, actor="tests", reason="why")

    @rule()
    def roll_back(self) -> None:
        others = [other for other in self.states if other[:3] != self.states[-1][:3]]
        if not others:
            with pytest.raises(UnknownRevision):
                self.registry.rollback(NAME, actor="tests", reason="why")
            return
        self.registry.rollback(NAME, actor="tests", reason="why")
        self.states.append(others[-1])

    @rule(revision=numbers, expected=st.none() | st.integers(0, 8))
    def roll_back_to(self, revision: int, expected: int | None) -> None:
        wanted = {"actor": "tests", "reason": "why", "to_revision": revision}
        if revision > len(self.states):
            with pytest.raises(UnknownRevision):
                self.registry.rollback(NAME, **wanted)  # type: ignore[arg-type]
        elif expected not in {None, len(self.states)}:
            with pytest.raises(RevisionConflict):
                self.registry.rollback(NAME, **wanted, expected_revision=expected)  # type: ignore[arg-type]
        else:
            self.registry.rollback(NAME, **wanted, expected_revision=expected)  # type: ignore[arg-type]
            self.states.append(self.states[revision - 1])

    @precondition(lambda self: self.weights)
    @invariant()
    def the_registry_says_what_the_lists_say(self) -> None:
        history = self.registry.history(NAME)
        assert [plain(revision.state) for revision in history] == self.states
        assert self.registry.current(NAME) == (history[-1] if history else None)
        assert list(self.registry.versions(NAME)) == list(range(1, len(self.weights) + 1))
        newest = self.registry.version(NAME, len(self.weights))
        assert self.registry.blob(newest.blobs["model"]) == repr(self.weights[-1]).encode()

    @precondition(lambda self: self.states)
    @invariant()
    def a_process_serves_what_the_last_revision_wants(self) -> None:
        live = LiveModel(self.registry, NAME)
        live.start()
        served = live.snapshot()
        challenger = None if served.challenger is None else served.challenger.version
        shadows = tuple(shadow.version for shadow in served.shadows)
        answering = (served.champion.version, challenger, served.basis_points)
        assert (*answering, shadows) == self.states[-1]
        assert (served.revision, live.problems) == (len(self.states), ())


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(max_examples=50, stateful_step_count=25)

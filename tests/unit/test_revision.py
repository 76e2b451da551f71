import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_registry.errors import CorruptRegistry
from model_registry.revisions import Action, Change, GateResult, Revision, State
from model_registry.storage import canonical
from tests.builders import NOW


def a_state(champion: int = 7, **others: Any) -> State:
    """These versions, and a manifest's hash for each."""
    state = State(champion=champion, manifests={}, **others)
    return replace(state, manifests={version: f"{version:064x}" for version in state.versions})


KEY = "models/propensity/log/00000002.json"

texts = st.text(min_size=1).filter(str.strip)
versions = st.lists(st.integers(1, 10**6), min_size=1, max_size=5, unique=True)
states = versions.map(lambda chosen: a_state(chosen[0], shadows=tuple(chosen[1:]))) | st.builds(
    lambda chosen, points: a_state(
        chosen[0], challenger=chosen[1], basis_points=points, shadows=tuple(chosen[2:])
    ),
    versions.filter(lambda chosen: len(chosen) > 1),
    st.integers(1, 10_000),
)
gate_results = st.builds(
    GateResult, version=st.integers(1, 99), gate=texts, passed=st.booleans(), detail=texts
)
changes = st.builds(
    lambda action, actor, reason, state, gates: Change(
        action, actor, reason, lambda _: state, gates
    ),
    st.sampled_from(Action),
    texts,
    texts,
    states,
    st.lists(gate_results, max_size=3).map(tuple),
)


def two_revisions(state: State | None = None) -> tuple[Revision, Revision]:
    passed = GateResult(version=7, gate="golden", passed=True, detail="no difference")
    after = state or a_state()
    change = Change(Action.PROMOTE, "tests", "because", lambda _: after, (passed,))
    first = change.after(None, at=NOW)
    return first, change.after(first, at=NOW - 1)


def changed(change: Callable[[Any], object]) -> bytes:
    """The second revision's canonical bytes after a change to the plain JSON."""
    plain = json.loads(two_revisions()[1].encode())
    change(plain)
    return canonical(plain)


@given(st.lists(changes, min_size=1, max_size=3), st.integers(0, 2**60))
@settings(deadline=None)
def test_a_revision_reads_back_as_it_was(changes: list[Change], at: int) -> None:
    current = None
    for change in changes:
        current = change.after(current, at=at)
        assert Revision.decode(KEY, current.encode()) == current


def test_revisions_count_from_one_and_name_the_hash_of_the_one_before() -> None:
    first, second = two_revisions()
    assert (first.number, first.previous_sha256) == (1, None)
    assert second.number == 2
    assert second.previous_sha256 == hashlib.sha256(first.encode()).hexdigest()


def test_a_revision_holds_the_whole_state() -> None:
    revision = two_revisions(a_state(challenger=8, basis_points=500))[1]
    again = Revision.decode(KEY, revision.encode())
    assert again.state.aliases == {"champion": 7, "challenger": 8}
    assert again.state.champion == 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(schema=1), "field 'schema' is 1, this code reads 3; another release"),
        (lambda r: r.pop("reason"), "field 'reason' is missing"),
        (lambda r: r.update(number="2"), "field 'number' must be an integer"),
        (lambda r: r.update(previous_sha256=None), "field 'previous_sha256' must be text"),
        (lambda r: r.update(previous_sha256="0"), "field 'previous_sha256' must be a SHA-256"),
        (lambda r: r.update(at="now"), "field 'at' must be an integer"),
        (lambda r: r.update(actor=""), "field 'actor' must be text"),
        (lambda r: r.update(action="demote"), "field 'action': 'demote' is not a valid Action"),
        (lambda r: r.update(gate=[]), "field 'gate' is unknown"),
        (lambda r: r.update(gates={}), "field 'gates' must be a list"),
        (lambda r: r.update(gates=[7]), "field 'gates.0' must be an object"),
        (
            lambda r: r["gates"][0].update(passed="yes"),
            "field 'gates.0.passed' must be true or false",
        ),
        (lambda r: r["gates"][0].pop("detail"), "field 'gates.0.detail' is missing"),
        (lambda r: r["state"].update(split={}), "field 'state.split' is unknown"),
        (lambda r: r["state"].update(aliases={}), "field 'state.aliases.champion' is missing"),
        (
            lambda r: r["state"]["aliases"].update(champion=0),
            "field 'state.aliases.champion' must be an integer of at least 1",
        ),
        (
            lambda r: r["state"]["aliases"].update(challenger="8"),
            "field 'state.aliases.challenger' must be an integer",
        ),
        (
            lambda r: r["state"]["aliases"].update(Champion=1),
            "field 'state.aliases.Champion' is unknown",
        ),
        (
            lambda r: r["state"].update(basis_points=1),
            "field 'state.basis_points' must be at most 0",
        ),
        (
            lambda r: r["state"]["aliases"].update(challenger=8),
            "field 'state.basis_points' must be an integer of at least 1",
        ),
        (
            lambda r: (
                r["state"].update(basis_points=10_001),
                r["state"]["aliases"].update(challenger=8),
            ),
            "field 'state.basis_points' must be at most 10000",
        ),
        (lambda r: r["state"].update(shadows=["8"]), "field 'state.shadows.0' must be an integer"),
        (lambda r: r["state"].update(shadows=[7]), "field 'state' names a version twice"),
        (
            lambda r: r["state"].update(shadows=[8]),
            "field 'state.manifests.8' is missing",
        ),
    ],
)
def test_a_damaged_revision_is_refused_by_key_and_field(
    change: Callable[[Any], object], reason: str
) -> None:
    with pytest.raises(CorruptRegistry) as caught:
        Revision.decode(KEY, changed(change))
    assert str(caught.value).startswith(f"{KEY}: {reason}")


def test_the_first_revision_follows_from_nothing() -> None:
    plain = json.loads(two_revisions()[0].encode())
    with pytest.raises(CorruptRegistry, match="not in canonical form"):
        Revision.decode(KEY, canonical(plain | {"previous_sha256": "0" * 64}))

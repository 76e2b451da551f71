import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
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


def split(points: int) -> Callable[[Any], object]:
    """A challenger that answers so many of 10,000."""

    def change(revision: Any) -> None:
        state = revision["state"]
        state["aliases"]["challenger"] = 8
        state.update(basis_points=points, manifests={**state["manifests"], "8": f"{8:064x}"})

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda r: r.update(schema=1), "schema"),
        (lambda r: r.pop("reason"), "reason"),
        (lambda r: r.update(number="2"), "number"),
        (lambda r: r.update(previous_sha256=None), "previous_sha256"),
        (lambda r: r.update(previous_sha256="0"), "previous_sha256"),
        (lambda r: r.update(at="now"), "at"),
        (lambda r: r.update(actor=""), "actor"),
        (lambda r: r.update(action="demote"), "action"),
        (lambda r: r["gates"][0].update(passed="yes"), "gates"),
        (lambda r: r["gates"][0].pop("detail"), "gates"),
        (lambda r: r["state"].update(aliases={}), "champion"),
        (lambda r: r["state"]["aliases"].update(champion=0), "champion"),
        (lambda r: r["state"]["aliases"].update(challenger="8"), "challenger"),
        (lambda r: r["state"].update(basis_points=1), "basis_points"),
        (split(0), "basis_points"),
        (split(10_001), "basis_points"),
        (lambda r: r["state"].update(shadows=["8"]), "shadows"),
        (lambda r: r["state"].update(shadows=[7]), "state"),
        (lambda r: r["state"].update(shadows=[8]), "manifests"),
        (lambda r: r["state"]["manifests"].update({"8": "0" * 64}), "manifests"),
        (lambda r: r["state"]["manifests"].update({"7": "0"}), "manifests"),
    ],
    ids=map(str, count(1)),
)
def test_a_damaged_revision_is_refused_by_key_and_field(
    change: Callable[[Any], object], field: str
) -> None:
    with pytest.raises(CorruptRegistry) as caught:
        Revision.decode(KEY, changed(change))
    assert caught.value.key == KEY
    assert field in caught.value.reason


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(gate=[]),
        lambda r: r["state"].update(split={}),
        lambda r: r["state"]["aliases"].update(Champion=1),
    ],
    ids=["of the revision", "of the state", "of the aliases"],
)
def test_a_field_that_nobody_writes_is_refused(change: Callable[[Any], object]) -> None:
    with pytest.raises(CorruptRegistry):
        Revision.decode(KEY, changed(change))


def test_a_split_reads_back() -> None:
    assert Revision.decode(KEY, changed(split(500))).state.basis_points == 500


def test_the_first_revision_follows_from_nothing() -> None:
    plain = json.loads(two_revisions()[0].encode())
    with pytest.raises(CorruptRegistry):
        Revision.decode(KEY, canonical(plain | {"previous_sha256": "0" * 64}))

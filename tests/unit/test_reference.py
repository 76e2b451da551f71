"""The reference of a version: it reads back as it was, and damage is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drift import Reference
from domain.errors import InvalidRequest
from model_registry.errors import CorruptRegistry
from model_registry.storage import canonical
from model_registry.versions import Draft, decode_reference, encode_reference
from tests.builders import NOW
from tests.registries import NAME, a_candidate, a_registry
from tests.unit.test_drift import FEATURES, a_matrix, a_reference

KEY = "blobs/sha256/1"


@given(st.integers(1, 400), st.integers(0, 99))
def test_it_reads_back_as_it_was(rows: int, seed: int) -> None:
    matrix, scores = a_matrix(rows, seed=seed)
    reference = Reference.of(FEATURES, matrix, scores, np.arange(rows))
    content = encode_reference(reference)
    again = decode_reference(KEY, content, FEATURES.names)
    assert encode_reference(again) == content
    assert again.tally.tolist() == reference.tally.tolist()
    assert again.customers == rows


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain["inputs"].pop(),
        lambda plain: plain["inputs"][0].update(name="another"),
        lambda plain: plain["inputs"][0].update(missing=10**30),
        lambda plain: plain["inputs"][0]["counts"].pop(),
        lambda plain: plain["inputs"][0]["edges"].reverse(),
        lambda plain: plain["inputs"][0].update(counts=[-1]),
        lambda plain: plain["inputs"][0].update(more=1),
    ],
    ids=["an input less", "name", "huge", "a bin less", "edges", "negative", "more"],
)
def test_damage_is_named(change: Callable[[Any], object]) -> None:
    plain = json.loads(encode_reference(a_reference()))
    change(plain)
    with pytest.raises(CorruptRegistry, match=KEY):
        decode_reference(KEY, canonical(plain), FEATURES.names)


def test_a_version_has_it_while_it_serves_and_in_the_registry() -> None:
    candidate = a_candidate()
    matrix, scores = a_matrix(300, seed=1)
    reference = Reference.of(candidate.features, matrix[:, :1], scores, np.arange(300))
    registry = a_registry()
    manifest = registry.register(NAME, replace(candidate, reference=reference), actor="ann")
    stored = registry.reference(manifest)
    loaded = registry.gates(manifest, registry.blob).reference
    assert stored is not None
    assert loaded is not None
    assert stored.tally.tolist() == loaded.tally.tolist() == reference.tally.tolist()
    without = registry.register(NAME, candidate, actor="ann")
    assert registry.reference(without) is None
    assert registry.gates(without, registry.blob).reference is None


def test_one_of_other_features_is_not_stored() -> None:
    candidate = replace(a_candidate(), reference=a_reference())
    with pytest.raises(InvalidRequest, match="inputs"):
        Draft.of(NAME, candidate, created_at=NOW, created_by="ann")

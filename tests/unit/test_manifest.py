import json
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_registry.errors import CorruptRegistry
from model_registry.storage import canonical
from model_registry.versions import CalibrationBin, Draft, GoldenVectors, Manifest
from model_registry.versions.manifest import Blob, FeatureSpec, ScorerSpec
from tests.builders import NOW
from tests.registries import NAME, a_candidate

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(min_size=1).filter(str.strip)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(), json_values, max_size=3)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
counts = st.integers(0, 2**60)
blobs = st.builds(Blob, hashes, counts)
manifests = st.builds(
    Manifest,
    name=texts,
    version=st.integers(1, 10**9),
    created_at=counts,
    created_by=texts,
    scorer=st.builds(ScorerSpec, kind=texts, options=objects),
    blobs=st.builds(
        lambda golden, others: {**others, "golden": golden},
        blobs,
        st.dictionaries(st.text(), blobs, max_size=2),
    ),
    features=st.builds(
        FeatureSpec,
        contract=objects,
        contract_hash=hashes,
        names=st.lists(texts, max_size=3).map(tuple),
    ),
    horizon_days=st.integers(1, 400),
    metrics=st.dictionaries(st.text(), finite, max_size=3),
    intervals=st.dictionaries(st.text(), st.tuples(finite, finite), max_size=3),
    calibration=st.lists(st.builds(CalibrationBin, counts, finite, finite), max_size=2).map(tuple),
    facts=objects,
)

KEY = "models/propensity/versions/000001.json"


def a_manifest() -> Manifest:
    return Draft.of(NAME, a_candidate(), created_at=NOW, created_by="tests").manifest


def changed(change: Callable[[Any], object]) -> bytes:
    """A manifest's canonical bytes after a change to the plain JSON."""
    plain = json.loads(a_manifest().encode())
    change(plain)
    return canonical(plain)


@given(manifests)
def test_a_manifest_reads_back_as_it_was(manifest: Manifest) -> None:
    assert Manifest.decode(KEY, manifest.encode()) == manifest


def test_a_manifest_names_its_schema() -> None:
    assert json.loads(a_manifest().encode())["schema"] == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda m: m.update(schema=1), "schema"),
        (lambda m: m.pop("schema"), "schema"),
        (lambda m: m.pop("name"), "name"),
        (lambda m: m.update(created_by=" "), "created_by"),
        (lambda m: m.update(version=0), "version"),
        (lambda m: m.update(version=True), "version"),
        (lambda m: m.update(created_at=1.5), "created_at"),
        (lambda m: m["scorer"].pop("kind"), "kind"),
        (lambda m: m["scorer"].update(options=None), "scorer.options"),
        (lambda m: m["blobs"].pop("golden"), "blobs.golden"),
        (lambda m: m["blobs"]["model"].update(sha256="../../x"), "sha256"),
        (lambda m: m["blobs"]["model"].update(sha256="0" * 64 + "\n"), "sha256"),
        (lambda m: m["blobs"]["model"].update(size=-1), "size"),
        (lambda m: m["features"].update(names=["a", 1]), "features.names"),
        (lambda m: m["intervals"].update(auc=[0.8, 0.9, 1.0]), "intervals"),
        (lambda m: m.update(calibration=[{}]), "count"),
        (lambda m: m.update(facts=1), "facts"),
    ],
    ids=map(str, count(1)),
)
def test_a_damaged_manifest_is_refused_by_key_and_field(
    change: Callable[[Any], object], field: str
) -> None:
    with pytest.raises(CorruptRegistry) as caught:
        Manifest.decode(KEY, changed(change))
    assert caught.value.key == KEY
    assert field in caught.value.reason


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(split={}),
        lambda m: m["scorer"].update(shape=1),
        lambda m: m["metrics"].update(auc=1),
        lambda m: m["intervals"].update(auc=[0, 0.9]),
    ],
    ids=["unknown field", "unknown part", "integer metric", "integer interval"],
)
def test_what_would_not_be_written_like_that_is_refused(change: Callable[[Any], object]) -> None:
    with pytest.raises(CorruptRegistry) as caught:
        Manifest.decode(KEY, changed(change))
    assert caught.value.key == KEY


def test_every_cut_of_a_manifest_is_refused() -> None:
    content = a_manifest().encode()
    for length in range(len(content)):
        with pytest.raises(CorruptRegistry):
            Manifest.decode(KEY, content[:length])


@pytest.mark.parametrize("content", [b"[]", b"1", b'"x"', b"null"])
def test_only_an_object_is_a_manifest(content: bytes) -> None:
    with pytest.raises(CorruptRegistry):
        Manifest.decode(KEY, content)


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b'{"a":NaN}', b'{"a":1e999}'])
def test_what_is_no_plain_json_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptRegistry):
        Manifest.decode(KEY, content)


def test_the_same_meaning_in_other_bytes_is_refused() -> None:
    content = a_manifest().encode()
    rewritten = [
        content + b"\n",
        content.replace(b'"auc":0.84', b'"auc":0.840'),
        content.replace(b'{"blobs"', b'{"name":"other","blobs"'),
    ]
    for other in rewritten:
        assert other != content
        with pytest.raises(CorruptRegistry):
            Manifest.decode(KEY, other)


@given(
    st.integers(1, 3).flatmap(
        lambda k: st.lists(
            st.tuples(st.lists(finite, min_size=k, max_size=k), finite), min_size=1, max_size=5
        )
    )
)
def test_golden_vectors_read_back_to_the_last_bit(rows: list[tuple[list[float], float]]) -> None:
    golden = GoldenVectors(
        np.array([row for row, _ in rows]), np.array([probability for _, probability in rows])
    )
    again = GoldenVectors.decode("golden", golden.encode())
    assert again.matrix.tobytes() == golden.matrix.tobytes()
    assert again.probabilities.tobytes() == golden.probabilities.tobytes()
    assert again.matrix.shape == golden.matrix.shape


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"matrix":[[1.0]],"probabilities":[0.5],"extra":1}',
        b'{"matrix":[[1.0],[1.0,2.0]],"probabilities":[0.5,0.5]}',
        b'{"matrix":[[{}]],"probabilities":[0.5]}',
        b'{"matrix":[],"probabilities":[]}',
        b'{"matrix":[1.0],"probabilities":[0.5]}',
        b'{"matrix":[[1.0]],"probabilities":[0.5,0.5]}',
        b'{"matrix":[["1.0"]],"probabilities":[0.5]}',
        b'{"matrix":[[1]],"probabilities":[0.5]}',
        b'{"matrix":[[null]],"probabilities":[0.5]}',
        b'{"matrix":[[1.0]],"probabilities":["nan"]}',
        b'{"matrix":[[1%s]],"probabilities":[0.5]}' % (b"0" * 400),
    ],
)
def test_what_are_no_golden_vectors_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptRegistry) as caught:
        GoldenVectors.decode("golden", content)
    assert caught.value.key == "golden"

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_registry.errors import CorruptRegistry
from model_registry.storage import canonical
from model_registry.versions import Blob, CalibrationBin, Draft, GoldenVectors, Manifest
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
    scorer_kind=texts,
    scorer_options=objects,
    blobs=st.builds(
        lambda golden, others: {**others, "golden": golden},
        blobs,
        st.dictionaries(st.text(), blobs, max_size=2),
    ),
    contract=objects,
    contract_hash=hashes,
    feature_names=st.lists(texts, max_size=3).map(tuple),
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
@settings(deadline=None)
def test_a_manifest_reads_back_as_it_was(manifest: Manifest) -> None:
    assert Manifest.decode(KEY, manifest.encode()) == manifest


def test_a_manifest_names_its_schema() -> None:
    assert json.loads(a_manifest().encode())["schema"] == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda m: m.update(schema=1), "'schema' is 1, this code reads 2"),
        (lambda m: m.pop("schema"), "'schema' is missing"),
        (lambda m: m.pop("name"), "'name' is missing"),
        (lambda m: m.update(name=7), "'name' must be text"),
        (lambda m: m.update(created_by=" "), "'created_by' must be text"),
        (lambda m: m.update(version=0), "'version' must be an integer of at least 1"),
        (lambda m: m.update(version=True), "'version' must be an integer"),
        (lambda m: m.update(created_at=1.5), "'created_at' must be an integer"),
        (lambda m: m.update(scorer=[]), "'scorer' must be an object"),
        (lambda m: m["scorer"].pop("kind"), "'scorer.kind' is missing"),
        (lambda m: m["scorer"].update(options=None), "'scorer.options' must be an object"),
        (lambda m: m["scorer"].update(shape=1), "'scorer.shape' is unknown"),
        (lambda m: m.update(split={}), "'split' is unknown to this code"),
        (lambda m: m["blobs"].pop("golden"), "'blobs.golden' is missing"),
        (lambda m: m["blobs"].update(model=1), "'blobs.model' must be an object"),
        (lambda m: m["blobs"]["model"].update(sha256="../../x"), "'blobs.model.sha256' must be a"),
        (lambda m: m["blobs"]["model"].update(size=-1), "'blobs.model.size' must be an integer"),
        (lambda m: m["features"].update(names="a"), "'features.names' must be a list"),
        (lambda m: m["features"].update(names=["a", 1]), "'features.names.1' must be text"),
        (lambda m: m["features"].update(contract=[]), "'features.contract' must be an object"),
        (lambda m: m["features"].update(contract_hash="AB"), "'features.contract_hash' must be a"),
        (lambda m: m.update(horizon_days=0), "'horizon_days' must be an integer of at least 1"),
        (lambda m: m["metrics"].update(auc="0.8"), "'metrics.auc' must be a float"),
        (lambda m: m["metrics"].update(auc=1), "'metrics.auc' must be a float, not 1"),
        (lambda m: m.pop("intervals"), "'intervals' is missing"),
        (lambda m: m["intervals"].update(auc=0.8), "'intervals.auc' must be a list"),
        (lambda m: m["intervals"].update(auc=[0.8]), "'intervals.auc.1' is missing"),
        (lambda m: m["intervals"].update(auc=[0.8, 0.9, 1.0]), "'intervals.auc.2' is unknown"),
        (lambda m: m["intervals"].update(auc=[0, 0.9]), "'intervals.auc.0' must be a float"),
        (lambda m: m.update(calibration=[{}]), "'calibration.0.count' is missing"),
        (lambda m: m.update(facts=1), "'facts' must be an object"),
    ],
)
def test_a_damaged_manifest_is_refused_by_key_and_field(
    change: Callable[[Any], object], field: str
) -> None:
    with pytest.raises(CorruptRegistry) as caught:
        Manifest.decode(KEY, changed(change))
    assert str(caught.value).startswith(f"{KEY}: field {field}")
    assert caught.value.key == KEY


def test_every_cut_of_a_manifest_is_refused() -> None:
    content = a_manifest().encode()
    for length in range(len(content)):
        with pytest.raises(CorruptRegistry, match="is not whole JSON"):
            Manifest.decode(KEY, content[:length])


@pytest.mark.parametrize("content", [b"[]", b"1", b'"x"', b"null"])
def test_only_an_object_is_a_manifest(content: bytes) -> None:
    with pytest.raises(CorruptRegistry, match="is not a JSON object"):
        Manifest.decode(KEY, content)


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b'{"a":NaN}', b'{"a":1e999}'])
def test_what_is_no_plain_json_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptRegistry, match="is not whole JSON"):
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
        with pytest.raises(CorruptRegistry, match="not in canonical form"):
            Manifest.decode(KEY, other)


@given(
    st.integers(1, 3).flatmap(
        lambda k: st.lists(
            st.tuples(st.lists(finite, min_size=k, max_size=k), finite), min_size=1, max_size=5
        )
    )
)
@settings(deadline=None)
def test_golden_vectors_read_back_to_the_last_bit(rows: list[tuple[list[float], float]]) -> None:
    golden = GoldenVectors(
        np.array([row for row, _ in rows]), np.array([probability for _, probability in rows])
    )
    again = GoldenVectors.decode("golden", golden.encode())
    assert again.matrix.tobytes() == golden.matrix.tobytes()
    assert again.probabilities.tobytes() == golden.probabilities.tobytes()
    assert again.matrix.shape == golden.matrix.shape


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{}", "field 'matrix' is missing"),
        (b'{"matrix":[[1.0]],"probabilities":[0.5],"extra":1}', "field 'extra' is unknown"),
        (b'{"matrix":[[1.0],[1.0,2.0]],"probabilities":[0.5,0.5]}', "must be rows of floats"),
        (b'{"matrix":[[{}]],"probabilities":[0.5]}', "must be rows of floats"),
        (b'{"matrix":[],"probabilities":[]}', "rows of one width"),
        (b'{"matrix":[1.0],"probabilities":[0.5]}', "rows of one width"),
        (b'{"matrix":[[1.0]],"probabilities":[0.5,0.5]}', "rows of one width"),
        (b'{"matrix":[["1.0"]],"probabilities":[0.5]}', "not in canonical form"),
        (b'{"matrix":[[1]],"probabilities":[0.5]}', "not in canonical form"),
        (b'{"matrix":[[null]],"probabilities":[0.5]}', "must be finite"),
        (b'{"matrix":[[1.0]],"probabilities":["nan"]}', "must be finite"),
        (b'{"matrix":[[1%s]],"probabilities":[0.5]}' % (b"0" * 400), "must be rows of floats"),
    ],
)
def test_what_are_no_golden_vectors_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(CorruptRegistry, match=reason):
        GoldenVectors.decode("golden", content)

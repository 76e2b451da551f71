import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.errors import StoreUnavailable
from domain.features import Aggregation, FeatureSet, total_purchase_volume_30d
from domain.features.feature_set import SEMANTICS
from domain.prediction import Scorer
from domain.retention import PurchaseRetention
from model_registry.errors import CorruptRegistry, GateFailed
from model_registry.gates import LoadGates, check_integrity
from model_registry.gates.load import TOLERANCE, check_features, check_golden
from model_registry.versions import Blob, Candidate, Manifest
from tests.builders import JPY, USD, a_feature, missing
from tests.registries import (
    FACTORIES,
    NAME,
    FragileStore,
    LogisticScorer,
    a_candidate,
    a_registry,
    golden_of,
)

TWO_FEATURES = FeatureSet((a_feature(), a_feature(Aggregation.PURCHASE_COUNT, days=7)), USD)


class Given:
    """A scorer that gives whatever it was given."""

    def __init__(self, scores: object) -> None:
        self.scores = scores

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:  # noqa: ARG002  # the port's
        return self.scores  # type: ignore[return-value]  # the point of it


class RowByRow:
    """A scorer that gives row i of its scores to the row that holds i."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = np.array(scores)

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return self.scores[matrix[:, 0].astype(np.int64)]


class Neighbourly(RowByRow):
    """A scorer whose last bits depend on how many rows it is given."""

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return super().score(matrix) + len(matrix) * 1e-12


def registered(
    store: FragileStore | None = None, candidate: Candidate | None = None
) -> tuple[Manifest, Callable[[Blob], bytes]]:
    """A manifest and the way to read its blobs."""
    registry = a_registry(store)
    return registry.register(NAME, candidate or a_candidate(), actor="tests"), registry.blob


def failure(check: Callable[[], object]) -> GateFailed:
    with pytest.raises(GateFailed) as caught:
        check()
    return caught.value


def test_a_sound_version_becomes_its_features_and_scorer() -> None:
    manifest, read_blob = registered(candidate=a_candidate(0.25))
    gates = LoadGates(scorer_factory=FACTORIES.__getitem__, currency=USD)
    loaded = gates(manifest, read_blob)
    assert loaded.features == total_purchase_volume_30d(USD)
    assert loaded.scorer.score(np.array([[0.0]])) == [0.5]
    assert isinstance(loaded.scorer, LogisticScorer)
    assert loaded.scorer.weight == 0.25


@pytest.mark.parametrize(("days", "passes"), [(None, True), (30, True), (29, False)])
def test_a_version_that_looks_back_beyond_the_retention_may_not_serve(
    days: int | None, *, passes: bool
) -> None:
    manifest, read_blob = registered(candidate=a_candidate(0.25))
    gates = LoadGates(
        scorer_factory=FACTORIES.__getitem__, currency=USD, retention=PurchaseRetention(days)
    )
    if passes:
        gates(manifest, read_blob)
        return
    failed = failure(lambda: gates(manifest, read_blob))
    assert failed.gate == "retention"
    assert not missing(failed.reason, "30d", 29, "PROPENSITY_PURCHASE_RETENTION_DAYS")


# Integrity


@pytest.mark.parametrize("role", ["model", "golden"])
def test_any_flipped_bit_of_any_blob_is_refused(role: str) -> None:
    store = FragileStore()
    manifest, read_blob = registered(store)
    key = f"blobs/sha256/{manifest.blobs[role].sha256}"
    content = store.get(key)
    for position in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << position % 8
        store.overwrite(key, bytes(flipped))
        failed = failure(lambda: check_integrity(manifest.blobs, read_blob))
        assert failed.gate == "integrity"
        assert not missing(failed.reason, role, hashlib.sha256(flipped).hexdigest(), key)


def test_a_blob_of_another_size_is_refused() -> None:
    store = FragileStore()
    manifest, read_blob = registered(store)
    store.overwrite(f"blobs/sha256/{manifest.blobs['model'].sha256}", b"0.0")
    failed = failure(lambda: check_integrity(manifest.blobs, read_blob))
    assert failed.gate == "integrity"
    assert not missing(failed.reason, "model", 3, 4)


def test_a_missing_blob_is_refused() -> None:
    store = FragileStore()
    manifest, read_blob = registered(store)
    store.lose(f"blobs/sha256/{manifest.blobs['golden'].sha256}")
    failed = failure(lambda: check_integrity(manifest.blobs, read_blob))
    assert failed.gate == "integrity"
    assert f"blobs/sha256/{manifest.blobs['golden'].sha256}" in failed.reason


def test_a_store_that_does_not_answer_is_no_verdict() -> None:
    store = FragileStore()
    manifest, read_blob = registered(store)
    store.silent = ("blobs/",)
    with pytest.raises(StoreUnavailable):
        check_integrity(manifest.blobs, read_blob)


# Features


def test_the_features_are_those_of_training() -> None:
    manifest, _ = registered(candidate=a_candidate(features=TWO_FEATURES))
    assert check_features(manifest, USD) == TWO_FEATURES


def described(manifest: Manifest, **features: Any) -> Manifest:
    """The manifest with its feature set described otherwise."""
    return replace(manifest, features=replace(manifest.features, **features))


def test_another_currency_is_refused() -> None:
    manifest, _ = registered()
    failed = failure(lambda: check_features(manifest, JPY))
    assert failed.gate == "features"
    assert not missing(failed.reason, "USD", "JPY")


def test_other_semantics_are_refused() -> None:
    manifest, _ = registered()
    older = described(manifest, contract={**manifest.features.contract, "semantics": 0})
    failed = failure(lambda: check_features(older, USD))
    assert failed.gate == "features"
    assert not missing(failed.reason, 0, SEMANTICS)


@pytest.mark.parametrize(
    "contract",
    [
        {"semantics": 1},
        {"semantics": 1, "currency": "USD", "features": []},
        {"semantics": 1, "currency": "XXX", "features": TWO_FEATURES.contract["features"]},
        {
            "semantics": 1,
            "currency": "USD",
            "features": [{"aggregation": "mood", "window_us": 1, "category": None}],
        },
    ],
    ids=["nothing", "no features", "no currency", "unknown aggregation"],
)
def test_a_contract_this_code_cannot_compute_is_refused(contract: Mapping[str, object]) -> None:
    manifest = described(registered()[0], contract=contract)
    assert failure(lambda: check_features(manifest, USD)).gate == "features"


def test_reordered_features_are_refused() -> None:
    manifest, _ = registered(candidate=a_candidate(features=TWO_FEATURES))
    other_order = FeatureSet(TWO_FEATURES.features[::-1], USD)
    reordered = described(manifest, contract=other_order.contract)
    failed = failure(lambda: check_features(reordered, USD))
    assert failed.gate == "features"
    assert not missing(failed.reason, other_order.contract_hash)


def test_reordered_names_are_refused() -> None:
    manifest, _ = registered(candidate=a_candidate(features=TWO_FEATURES))
    reordered = described(manifest, names=TWO_FEATURES.names[::-1])
    failed = failure(lambda: check_features(reordered, USD))
    assert failed.gate == "features"
    assert ", ".join(TWO_FEATURES.names[::-1]) in failed.reason


# Golden vectors


@pytest.mark.parametrize("off_by", [0.0, TOLERANCE / 2, -TOLERANCE / 2])
def test_scores_within_the_tolerance_pass(off_by: float) -> None:
    check_golden(RowByRow([0.5, 0.25 + off_by]), golden_of([[0], [1]], [0.5, 0.25]))


@pytest.mark.parametrize(
    ("scores", "facts"),
    [
        (np.array([0.5, 0.25 + 2 * TOLERANCE]), ["2e-06", "1e-06"]),
        (np.array([0.25, 0.5]), ["0.25", "1e-06"]),
        (np.array([0.5, np.nan]), []),
        (np.array([0.5, np.inf]), []),
        (np.array([0.5, 1.0 + 1e-9]), ["0.5", "[0, 1]"]),
        (np.array([-1e-9, 0.25]), ["-1e-09", "0.25", "[0, 1]"]),
        (np.array([[0.5, 0.5], [0.75, 0.25]]), ["(2, 2)", "(2,)"]),
        (np.array([[0.5], [0.25]]), ["(2, 1)", "(2,)"]),
        (np.array([0.5]), ["(1,)", "(2,)"]),
        (np.array([0.5, 0.25], dtype=np.float32), ["float32", "float64"]),
        ([0.5, 0.25], ["list", "float64"]),
        (None, ["NoneType", "float64"]),
    ],
    ids=repr,
)
def test_other_scores_are_refused(scores: object, facts: list[str]) -> None:
    failed = failure(lambda: check_golden(Given(scores), golden_of([[1], [2]], [0.5, 0.25])))
    assert failed.gate == "golden"
    assert not missing(failed.reason, *facts)


def test_a_scorer_whose_rows_depend_on_their_neighbours_is_refused() -> None:
    golden = golden_of([[0], [1]], [0.5, 0.25])
    check_golden(RowByRow([0.5, 0.25]), golden)
    assert failure(lambda: check_golden(Neighbourly([0.5, 0.25]), golden)).gate == "golden"


def test_a_scorer_that_raises_is_refused() -> None:
    class Raising:
        def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
            raise RuntimeError(f"no room for {matrix.shape}")

    failed = failure(lambda: check_golden(Raising(), golden_of([[1, 2]], [0.5])))
    assert failed.gate == "golden"
    assert "RuntimeError('no room for (1, 2)')" in failed.reason


def test_golden_vectors_as_wide_as_the_features_are_needed() -> None:
    manifest, read_blob = registered(candidate=a_candidate(features=TWO_FEATURES))
    gates = LoadGates(scorer_factory=FACTORIES.__getitem__, currency=USD)
    failed = failure(lambda: gates(manifest, read_blob))
    assert failed.gate == "golden"
    assert not missing(failed.reason, 1, 2)


def test_golden_vectors_that_are_none_are_corrupt() -> None:
    content = json.dumps({"matrix": []}).encode()
    manifest, read_blob = registered()
    blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
    gates = LoadGates(scorer_factory=FACTORIES.__getitem__, currency=USD)
    with pytest.raises(CorruptRegistry) as caught:
        gates(
            replace(manifest, blobs={**manifest.blobs, "golden": blob}),
            lambda asked: content if asked == blob else read_blob(asked),
        )
    assert caught.value.key == f"blobs/sha256/{blob.sha256}"


# Scorer


def test_a_scorer_that_refuses_what_the_version_holds_is_refused() -> None:
    manifest, read_blob = registered(
        candidate=replace(a_candidate(), scorer_options={"temperature": 1})
    )
    gates = LoadGates(scorer_factory=FACTORIES.__getitem__, currency=USD)
    failed = failure(lambda: gates(manifest, read_blob))
    assert failed.gate == "scorer"
    assert not missing(failed.reason, "temperature")


def test_a_scorer_gets_only_bytes_that_were_checked() -> None:
    built: list[Mapping[str, bytes]] = []

    def factory(options: Mapping[str, object], blobs: Mapping[str, bytes], /) -> Scorer:
        built.append(blobs)
        return FACTORIES["logistic"](options, blobs)

    store = FragileStore()
    manifest, read_blob = registered(store)
    gates = LoadGates(scorer_factory=lambda _: factory, currency=USD)
    gates(manifest, read_blob)
    assert built[0]["model"] == b"0.01"
    store.overwrite(f"blobs/sha256/{manifest.blobs['model'].sha256}", b"0.02")
    assert failure(lambda: gates(manifest, read_blob)).gate == "integrity"
    assert len(built) == 1

"""A graph that reads files, loops, draws at random or calls others is no model."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    helper,
    load_model_from_string,
    numpy_helper,
)
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from adapters.scorers.onnx import OnnxScorer
from adapters.scorers.onnx_safety import check_safe
from adapters.training import SCORER_OPTIONS, train
from model_registry.errors import GateFailed
from model_registry.gates.load import MOST_BYTES
from tests.builders import missing
from tests.registries import NAME, a_candidate, a_registry
from tests.training_sets import a_training_set, tensor

FEATURES = tensor("features", [None, 2])
PROBABILITIES = tensor("probabilities", [None, 2])


def a_model(*nodes: NodeProto, domain: str = "", weights: TensorProto | None = None) -> ModelProto:
    initializer = [] if weights is None else [weights]
    graph = helper.make_graph(list(nodes), "test", [FEATURES], [PROBABILITIES], initializer)
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def a_node(operator: str = "Identity", domain: str = "", **attributes: Any) -> NodeProto:
    return helper.make_node(operator, ["features"], ["probabilities"], domain=domain, **attributes)


def weights() -> TensorProto:
    return numpy_helper.from_array(np.eye(2), "weights")


def outside(values: TensorProto, file: str = "weights.bin") -> TensorProto:
    values.ClearField("raw_data")
    values.data_location = TensorProto.EXTERNAL
    values.external_data.add(key="location", value=file)
    return values


def a_branch(values: TensorProto | GraphProto) -> GraphProto:
    constant = helper.make_node("Constant", [], ["branch"], value=values)
    return helper.make_graph([constant], "branch", [], [tensor("branch", [2, 2])])


def with_function() -> ModelProto:
    model = a_model(a_node("Mine", "mine"), domain="ai.onnx.ml")
    opset = [helper.make_opsetid("", 17)]
    inner = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("mine", "Mine", ["x"], ["y"], [inner], opset))
    return model


def sparse(*, values: str = "", indices: str = "") -> SparseTensorProto:
    """A sparse tensor whose values or places are in a file."""
    of = numpy_helper.from_array(np.ones(2), "v")
    at = numpy_helper.from_array(np.arange(2), "i")
    return helper.make_sparse_tensor(
        outside(of, values) if values else of, outside(at, indices) if indices else at, [2, 2]
    )


def with_sparse(**files: str) -> ModelProto:
    model = a_model(a_node())
    model.graph.sparse_initializer.append(sparse(**files))
    return model


def two_versions() -> ModelProto:
    model = a_model(a_node())
    model.opset_import.add(domain="", version=9)
    return model


def with_training() -> ModelProto:
    model = a_model(a_node())
    model.training_info.add()
    return model


def multiplied(values: TensorProto) -> ModelProto:
    node = helper.make_node("MatMul", ["features", "weights"], ["probabilities"])
    return a_model(node, weights=values)


UNSAFE: dict[str, tuple[Callable[[], ModelProto], str | None]] = {
    "weights in a file": (lambda: multiplied(outside(weights())), "weights"),
    "constant in a file": (
        lambda: a_model(a_node("Constant", value=outside(weights()))),
        "weights",
    ),
    "constants in files": (
        lambda: a_model(a_node("Constant", values=[outside(weights())])),
        "weights",
    ),
    "a file named, and said to be inside": (lambda: multiplied(_named_only(weights())), "weights"),
    "a file within a branch": (
        lambda: a_model(a_node("Identity", body=a_branch(outside(weights())))),
        "weights",
    ),
    "sparse weights in a file": (lambda: with_sparse(values="weights.bin"), "v"),
    "places of sparse weights in a file": (lambda: with_sparse(indices="weights.bin"), "i"),
    "a sparse constant in a file": (
        lambda: a_model(a_node("Constant", sparse_value=sparse(values="weights.bin"))),
        "v",
    ),
    "a file within a branch within a branch": (
        lambda: a_model(a_node("Identity", body=a_branch(a_branch(outside(weights()))))),
        "weights",
    ),
    "a branch": (lambda: a_model(a_node("If", then_branch=a_branch(weights()))), "If"),
    "a loop": (lambda: a_model(a_node("Loop")), "Loop"),
    "randomness": (lambda: a_model(a_node("RandomNormalLike")), "RandomNormalLike"),
    "another library": (
        lambda: a_model(a_node("Identity", "com.evil"), domain="com.evil"),
        "com.evil",
    ),
    "another library, not imported": (
        lambda: a_model(a_node("Identity", "com.evil")),
        "com.evil.Identity",
    ),
    "the default domain by its other name": (
        lambda: a_model(a_node("Identity", "ai.onnx"), domain="ai.onnx"),
        "ai.onnx",
    ),
    "two versions of one domain": (two_versions, None),
    "a function": (with_function, "Mine"),
    "training information": (with_training, None),
}


def _named_only(values: TensorProto) -> TensorProto:
    values.external_data.add(key="location", value="weights.bin")
    return values


@pytest.mark.parametrize(("model", "named"), UNSAFE.values(), ids=UNSAFE)
def test_what_is_not_safe_is_refused_before_it_is_loaded(
    model: Callable[[], ModelProto], named: str | None
) -> None:
    check_safe(a_model(a_node()).SerializeToString())
    registry = a_registry(factories={"onnx": OnnxScorer.build})
    candidate = replace(
        a_candidate(),
        scorer_kind="onnx",
        scorer_options=SCORER_OPTIONS,
        blobs={"model": model().SerializeToString()},
    )
    registry.register(NAME, candidate, actor="tests")
    with pytest.raises(GateFailed) as caught:
        registry.promote(NAME, 1, actor="tests", reason="why")
    assert caught.value.gate == "safety"
    assert named is None or not missing(caught.value.reason, named)
    assert registry.current(NAME) is None


@pytest.mark.parametrize("versions", [[], [0], [-1], [99]])
def test_a_version_of_the_operators_that_nobody_knows_is_refused(versions: list[int]) -> None:
    model = a_model(a_node())
    OnnxScorer.build(SCORER_OPTIONS, {"model": model.SerializeToString()})
    del model.opset_import[:]
    for version in versions:
        model.opset_import.add(domain="", version=version)
    with pytest.raises(ValueError, match="model"):
        OnnxScorer.build(SCORER_OPTIONS, {"model": model.SerializeToString()})


@pytest.mark.parametrize("content", [b"", b"no graph", b"\xff" * 40])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="model"):
        OnnxScorer.build(SCORER_OPTIONS, {"model": content})


SCALERS = [
    None,
    StandardScaler(),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    Normalizer(),
]
CLASSIFIERS = [
    LogisticRegression(),
    DecisionTreeClassifier(max_depth=3),
    RandomForestClassifier(n_estimators=3),
    ExtraTreesClassifier(n_estimators=3),
    GradientBoostingClassifier(n_estimators=3),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: type(scaler).__name__)
@pytest.mark.parametrize(
    "classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__
)
@pytest.mark.parametrize("of", [FloatTensorType, DoubleTensorType])
def test_what_scikit_learn_exports_is_safe(scaler: Any, classifier: Any, of: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    pipeline = make_pipeline(*([scaler] if scaler else []), classifier)
    pipeline.fit(rows, (rows[:, 0] > 0.0).astype(np.int64))
    graph = to_onnx(pipeline, initial_types=[("x", of([None, 3]))], options={"zipmap": False})
    check_safe(graph.SerializeToString())


def test_what_training_exports_is_safe() -> None:
    candidate = train(a_training_set((0.02, -0.01)), build_scorer=OnnxScorer.build)
    check_safe(candidate.blobs["model"])


def test_without_the_check_a_file_beside_the_server_would_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = 16  # ONNX Runtime happens to fail on outside tensors that are smaller
    named = outside(numpy_helper.from_array(np.zeros(width), "weights"))
    node = helper.make_node("Max", ["features", "weights"], ["probabilities"])
    rows = [tensor(name, [None, width]) for name in ("features", "probabilities")]
    graph = helper.make_graph([node], "test", rows[:1], rows[1:], [named])
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    (tmp_path / "weights.bin").write_bytes(np.full(width, 0.75).tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GateFailed, match="weights") as caught:
        OnnxScorer.build(SCORER_OPTIONS, {"model": model})
    assert caught.value.gate == "safety"
    monkeypatch.setattr("adapters.scorers.onnx.check_safe", lambda _: None)
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": model})
    assert scorer.score(np.zeros((1, width))).tolist() == [0.75]


def two_faced(folder: Path) -> bytes:
    """A Sigmoid to whoever reads ONNX; to ONNX Runtime its own format, which draws at random."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "random.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    unsafe = a_model(a_node("RandomNormalLike", dtype=TensorProto.DOUBLE)).SerializeToString()
    onnxruntime.InferenceSession(unsafe, options, providers=["CPUExecutionProvider"])
    ort = (folder / "random.ort").read_bytes()
    # The place of ORT's root table, moved to where its four bytes are valid ONNX as well: an
    # ir_version of 10, then a field of eight bytes, then a text that hides all the rest.
    root = int.from_bytes(b"\x08\x0a\x09\x00", "little")
    hidden = bytes(root - int.from_bytes(ort[:4], "little")) + ort[8:]
    size = len(hidden) - 3 - 4
    length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14])
    head = root.to_bytes(4, "little") + b"ORTM" + bytes(3) + b"\x32" + length
    safe: bytes = a_model(a_node("Sigmoid")).SerializeToString()
    return head + hidden[len(head) - 8 :] + safe


def test_bytes_of_two_formats_are_scored_as_the_one_that_was_checked(tmp_path: Path) -> None:
    content = two_faced(tmp_path)
    assert [node.op_type for node in load_model_from_string(content).graph.node] == ["Sigmoid"]
    rows = np.zeros((1, 2))
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": content})
    assert scorer.score(rows).tolist() == [0.5]
    careless = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (scores,) = careless.run(["probabilities"], {"features": rows})
    assert scores.tolist() != [[0.5, 0.5]]


def test_a_version_larger_than_allowed_may_not_serve() -> None:
    registry = a_registry()
    large = replace(a_candidate(), blobs={"model": b"0.1" + b" " * MOST_BYTES})
    registry.register(NAME, large, actor="tests")
    with pytest.raises(GateFailed, match="67,108,864") as caught:
        registry.promote(NAME, 1, actor="tests", reason="why")
    assert caught.value.gate == "safety"
    assert registry.current(NAME) is None

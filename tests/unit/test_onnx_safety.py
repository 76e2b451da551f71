"""A graph that reads files, loops, draws at random or calls others is no model."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from adapters.scorers.onnx import OnnxScorer
from adapters.scorers.onnx_safety import check_safe
from adapters.training import SCORER_OPTIONS, train
from model_registry.errors import GateFailed
from model_registry.gates import MOST_BYTES
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


def a_branch(values: TensorProto) -> GraphProto:
    constant = helper.make_node("Constant", [], ["branch"], value=values)
    return helper.make_graph([constant], "branch", [], [tensor("branch", [2, 2])])


def with_function() -> ModelProto:
    model = a_model(a_node("Mine", "mine"), domain="ai.onnx.ml")
    opset = [helper.make_opsetid("", 17)]
    inner = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("mine", "Mine", ["x"], ["y"], [inner], opset))
    return model


def with_training() -> ModelProto:
    model = a_model(a_node())
    model.training_info.add()
    return model


def multiplied(values: TensorProto) -> ModelProto:
    node = helper.make_node("MatMul", ["features", "weights"], ["probabilities"])
    return a_model(node, weights=values)


UNSAFE: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "weights in a file": (lambda: multiplied(outside(weights())), "reads 'weights' from a file"),
    "constant in a file": (
        lambda: a_model(a_node("Constant", value=outside(weights()))),
        "reads 'weights' from a file",
    ),
    "constants in files": (
        lambda: a_model(a_node("Constant", values=[outside(weights())])),
        "reads 'weights' from a file",
    ),
    "a file named, and said to be inside": (
        lambda: multiplied(_named_only(weights())),
        "reads 'weights' from a file",
    ),
    "a file within a branch": (
        lambda: a_model(a_node("Identity", body=a_branch(outside(weights())))),
        "reads 'weights' from a file",
    ),
    "a branch": (
        lambda: a_model(a_node("If", then_branch=a_branch(weights()))),
        "operator 'If', which is not allowed",
    ),
    "a loop": (lambda: a_model(a_node("Loop")), "operator 'Loop', which is not allowed"),
    "randomness": (lambda: a_model(a_node("RandomNormalLike")), "operator 'RandomNormalLike'"),
    "another library": (
        lambda: a_model(a_node("Identity", "com.evil"), domain="com.evil"),
        "operators of the domain 'com.evil'",
    ),
    "another library, not imported": (
        lambda: a_model(a_node("Identity", "com.evil")),
        "operator 'com.evil.Identity'",
    ),
    "a function": (with_function, "a function of its own, 'Mine'"),
    "training information": (with_training, "training information"),
}


def _named_only(values: TensorProto) -> TensorProto:
    values.external_data.add(key="location", value="weights.bin")
    return values


@pytest.mark.parametrize(("model", "reason"), UNSAFE.values(), ids=UNSAFE)
def test_what_is_not_safe_is_refused_before_it_is_loaded(
    model: Callable[[], ModelProto], reason: str
) -> None:
    content = model().SerializeToString()
    with pytest.raises(ValueError, match=reason):
        check_safe(content)
    with pytest.raises(ValueError, match=reason):
        OnnxScorer.build(SCORER_OPTIONS, {"model": content})


@pytest.mark.parametrize("content", [b"", b"no graph", b"\xff" * 40])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="graph"):
        OnnxScorer.build(SCORER_OPTIONS, {"model": content})


def test_what_training_exports_is_safe() -> None:
    candidate = train(a_training_set((0.02, -0.01)), build_scorer=OnnxScorer.build)
    check_safe(candidate.blobs["model"])


def test_without_the_check_a_file_beside_the_server_would_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.array([[3.0, 0.0], [0.0, 3.0]])
    (tmp_path / "weights.bin").write_bytes(values.tobytes())
    monkeypatch.chdir(tmp_path)
    content = multiplied(outside(weights())).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (scores,) = session.run(["probabilities"], {"features": np.ones((1, 2))})
    assert scores.tolist() == [[3.0, 3.0]]


def test_a_version_larger_than_allowed_may_not_serve() -> None:
    registry = a_registry()
    large = replace(a_candidate(), blobs={"model": b"0.1" + b" " * MOST_BYTES})
    registry.register(NAME, large, actor="tests")
    with pytest.raises(GateFailed, match=r"gate 'safety': .* at most 67,108,864 are allowed"):
        registry.promote(NAME, 1, actor="tests", reason="why")

"""What every ScorerFactory promises: a scorer, or a ValueError that says what is wrong."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

import numpy as np
import pytest

from adapters.scorers.constant import ConstantScorer
from adapters.scorers.linear import LinearScorer
from adapters.scorers.onnx import OnnxScorer
from adapters.training import train
from model_registry.errors import GateFailed
from model_registry.gates.plugins import GROUP
from model_registry.ports import ScorerFactory
from tests.training_sets import a_graph, a_training_set, tensor

ONNX: Mapping[str, object] = {
    "input": "features",
    "output": "probabilities",
    "column": 1,
    "dtype": "float64",
}
CONSTANT: Mapping[str, object] = {"probability": 0.25, "width": 2}
LINEAR: Mapping[str, object] = {"coefficients": [0.5, -1], "intercept": 0.25}


@cache
def model() -> bytes:
    """An exported logistic regression of two features."""
    candidate = train(a_training_set((0.02, 0.01)), build_scorer=OnnxScorer.build)
    return candidate.blobs["model"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("onnx", ONNX), ("constant", CONSTANT), ("linear", LINEAR)],
    ids=["onnx", "constant", "linear"],
)
class TestEveryFactory:
    def test_it_is_found_by_its_entry_point_and_builds_a_scorer(
        self, kind: str, options: Mapping[str, object]
    ) -> None:
        factory: ScorerFactory = entry_points(group=GROUP)[kind].load()
        assert factory(options, {"model": model()}).score(np.ones((3, 2))).shape == (3,)

    def test_blobs_of_other_roles_do_no_harm(
        self, kind: str, options: Mapping[str, object]
    ) -> None:
        factory: ScorerFactory = entry_points(group=GROUP)[kind].load()
        blobs = {"model": model(), "golden": b"{}"}
        assert factory(options, blobs).score(np.ones((3, 2))).shape == (3,)

    def test_an_option_too_many_is_named(self, kind: str, options: Mapping[str, object]) -> None:
        factory: ScorerFactory = entry_points(group=GROUP)[kind].load()
        with pytest.raises(ValueError, match="'colour'"):
            factory({**options, "colour": "red"}, {"model": model()})

    def test_each_missing_option_is_named(self, kind: str, options: Mapping[str, object]) -> None:
        factory: ScorerFactory = entry_points(group=GROUP)[kind].load()
        for name in options:
            rest = {other: value for other, value in options.items() if other != name}
            with pytest.raises(ValueError, match=f"'{name}'"):
                factory(rest, {"model": model()})


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("input", "X", r"\['features'\].*'input'.*'X'"),
        ("input", 1, "'input'.*1"),
        ("output", "label", r"\['probabilities'\].*'output'.*'label'"),
        ("output", None, "'output'.*None"),
        ("column", 2, "'probabilities' .*2.*'column'.*2"),
        ("column", -1, "'column'.*-1"),
        ("column", True, "'column'.*True"),
        ("column", 1.0, r"'column'.*1\.0"),
        ("dtype", "float16", "'dtype'.*float32.*float64.*'float16'"),
        ("dtype", 64, "'dtype'.*64"),
        ("dtype", "float32", r"'features' .*tensor\(double\).*'dtype'.*'float32'"),
    ],
)
def test_onnx_refuses_an_option_that_does_not_fit_the_graph(
    option: str, value: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        OnnxScorer.build({**ONNX, option: value}, {"model": model()})


def test_onnx_refuses_blobs_without_a_model() -> None:
    with pytest.raises(ValueError, match="'model'"):
        OnnxScorer.build(ONNX, {"golden": b"{}"})


@pytest.mark.parametrize("damage", ["empty", "cut short", "another format", "a broken graph"])
def test_onnx_refuses_bytes_that_are_no_graph(damage: str) -> None:
    content = {
        "empty": b"",
        "cut short": model()[: len(model()) // 2],
        "another format": b"\x80\x04K\x01.",
        "a broken graph": a_graph("Sigmoid", [FEATURES, tensor("more", [2])], [PROBABILITIES]),
    }[damage]
    with pytest.raises(ValueError, match="'model'"):
        OnnxScorer.build(ONNX, {"model": content})


def test_onnx_refuses_an_operator_that_nobody_knows_as_unsafe() -> None:
    with pytest.raises(GateFailed, match="'Sigmoix'"):
        OnnxScorer.build(ONNX, {"model": model().replace(b"Sigmoid", b"Sigmoix")})


FEATURES = tensor("features", [None, 2])
PROBABILITIES = tensor("probabilities", [None, 2])


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (
            a_graph("Add", [FEATURES, tensor("more", [None, 2])], [PROBABILITIES]),
            r"\['features', 'more'\]",
        ),
        (a_graph("Identity", [tensor("features", [None, "k"])], [PROBABILITIES]), r"\[None, 'k'\]"),
        (
            a_graph("Identity", [tensor("features", [1, 2])], [tensor("probabilities", [1, 2])]),
            r"\[1, 2\]",
        ),
        (
            a_graph("Shape", [FEATURES], [tensor("probabilities", [2], "int64")]),
            r"'probabilities' .*tensor\(int64\).*ZipMap",
        ),
        (
            a_graph("Size", [FEATURES], [tensor("probabilities", [], "int64")]),
            r"'probabilities' .*tensor\(int64\)",
        ),
        (
            a_graph("ReduceSum", [FEATURES], [tensor("probabilities", [1, 1])]),
            "'probabilities' .*1.*'column'.*1",
        ),
        (
            a_graph("Flatten", [tensor("features", [None])], [tensor("probabilities", [None, 1])]),
            "'probabilities' .*1",
        ),
    ],
)
def test_onnx_refuses_a_graph_of_another_form(graph: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        OnnxScorer.build(ONNX, {"model": graph})


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf"), "0.5", None, True])
def test_constant_refuses_what_is_no_probability(value: object) -> None:
    with pytest.raises(ValueError, match="'probability'"):
        ConstantScorer.build({**CONSTANT, "probability": value}, {})


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True])
def test_constant_refuses_what_is_no_width(value: object) -> None:
    with pytest.raises(ValueError, match="'width'"):
        ConstantScorer.build({**CONSTANT, "width": value}, {})


@pytest.mark.parametrize(
    "value", [[], 0.5, "12", None, [0.5, "1"], [True], [float("nan")], [float("inf")], {"a": 1.0}]
)
def test_linear_refuses_what_are_no_coefficients(value: object) -> None:
    with pytest.raises(ValueError, match="'coefficients'"):
        LinearScorer.build({**LINEAR, "coefficients": value}, {})


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "1", None, True, [1.0]])
def test_linear_refuses_what_is_no_intercept(value: object) -> None:
    with pytest.raises(ValueError, match="'intercept'"):
        LinearScorer.build({**LINEAR, "intercept": value}, {})


@pytest.mark.parametrize("name", ["mean", "scale"])
@pytest.mark.parametrize("value", [[], 0.5, None, [0.5, "1"], [float("nan"), 1.0]])
def test_linear_refuses_what_cannot_standardise(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"'{name}'"):
        LinearScorer.build({**LINEAR, name: value}, {})


def test_linear_refuses_numbers_for_more_or_fewer_features() -> None:
    with pytest.raises(ValueError, match="2, 3 and 2"):
        LinearScorer.build({**LINEAR, "mean": [1, 2, 3]}, {})


@pytest.mark.parametrize("value", [0, -1.0])
def test_linear_refuses_a_scale_that_divides_by_nothing_or_turns_the_sign(value: float) -> None:
    with pytest.raises(ValueError, match="'scale'"):
        LinearScorer.build({**LINEAR, "scale": [1.0, value]}, {})

"""Training sets drawn from a known logistic law, and ONNX graphs that training never exports."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper

from domain.features import FeatureSet
from domain.training import Examples, TrainingSet
from domain.training.training_set import CutOffs
from tests.builders import DAY, NOW, USD, a_feature

ELEMENTS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}

ASKED = "a5ced" + "0" * 59


def spends(rows: int, width: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Heavy-tailed amounts of money, a fifth of them zero. Shape: (rows, width) float64."""
    rng = np.random.default_rng(seed)
    amounts = rng.lognormal(3.0, 1.5, (rows, width)).round(2)
    return np.where(rng.random((rows, width)) < 0.2, 0.0, amounts)


def a_training_set(
    coefficients: Sequence[float] = (0.02,),
    *,
    intercept: float = -0.5,
    rows: int = 2_000,
    horizon_us: int = 30 * DAY,
) -> TrainingSet:
    """Examples whose log-odds are intercept + spends @ coefficients; one feature for each."""
    windows = range(30, 30 + len(coefficients))
    return TrainingSet(
        features=FeatureSet(tuple(a_feature(days=days) for days in windows), USD),
        cut_offs=CutOffs(
            training=(NOW - 60 * DAY,), held_out=NOW - 30 * DAY, horizon_us=horizon_us
        ),
        training=_examples(coefficients, intercept, rows, seed=1),
        held_out=_examples(coefficients, intercept, rows, seed=2),
        held_out_sha256=ASKED,
        customers=rows,
        purchases=10 * rows,
    )


def _examples(coefficients: Sequence[float], intercept: float, rows: int, *, seed: int) -> Examples:
    matrix = spends(rows, len(coefficients), seed=seed)
    odds = np.exp(-(matrix @ np.array(coefficients) + intercept))
    chance = np.random.default_rng(seed + 1_000).random(rows)
    return examples_of(matrix, chance < 1.0 / (1.0 + odds))


def examples_of(matrix: NDArray[np.float64], labels: NDArray[np.bool_]) -> Examples:
    """Rows of as many customers, at one cut-off."""
    customer = np.arange(len(matrix), dtype=np.int64)
    return Examples(matrix, labels, customer, np.zeros_like(customer))


def tensor(name: str, shape: Sequence[int | str | None], dtype: str = "float64") -> ValueInfoProto:
    """A graph's input or output."""
    return helper.make_tensor_value_info(name, ELEMENTS[dtype], shape)


def a_graph(
    operator: str, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]
) -> bytes:
    """A graph of one operator from all the inputs to all the outputs; one may be used twice."""
    node = helper.make_node(
        operator, [entry.name for entry in inputs], [entry.name for entry in outputs]
    )
    distinct = {entry.name: entry for entry in inputs}
    graph = helper.make_graph([node], "test", list(distinct.values()), list(outputs))
    opset = helper.make_opsetid("", 17)
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString())

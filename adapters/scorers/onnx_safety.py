"""What an ONNX graph may hold: arithmetic on its inputs, and nothing from outside of its bytes.

A graph may name files to read its weights from, relative to wherever the server runs, and ONNX
Runtime reads them even where the graph itself was given as bytes: what was hashed would not be
all that is served. It may also loop, draw at random, or call operators of other libraries.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
_OPERATORS = frozenset(
    """
    Abs Add And Cast Clip Concat Constant ConstantOfShape Div Equal Exp Expand Flatten Gather
    Gemm Greater GreaterOrEqual Identity Less LessOrEqual Log MatMul Max Min Mul Neg Not Or Pow
    Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Reshape Round Shape Sigmoid Sign Size
    Slice Softmax Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where
    ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LinearClassifier LinearRegressor
    Normalizer Scaler SVMClassifier SVMRegressor TreeEnsemble TreeEnsembleClassifier
    TreeEnsembleRegressor
    """.split()
)
"""What scikit-learn's numeric pipelines export to: no loops, branches, randomness or texts."""


def check_safe(content: bytes) -> None:
    """Returns when the graph in these bytes is arithmetic and whole.

    Raises:
        ValueError: it is no graph, reads from elsewhere, or uses what is not allowed; says what.
    """
    # Not at the top: only loading a model needs it, and it takes a third of a second.
    import onnx  # noqa: PLC0415

    try:
        model = onnx.load_model_from_string(content)
    except Exception as exc:  # protobuf's own, which has no types
        raise ValueError("blob 'model' is not an ONNX graph") from exc
    _check_model(model)
    for graph in _graphs(model.graph):
        _check_graph(graph)


def _check_model(model: "ModelProto") -> None:
    if model.functions:
        raise ValueError(f"the graph brings a function of its own, {model.functions[0].name!r}")
    if model.training_info:
        raise ValueError("the graph brings training information; export it for inference")
    for opset in model.opset_import:
        if opset.domain not in _DOMAINS:
            raise ValueError(f"the graph uses operators of the domain {opset.domain!r}")


def _graphs(graph: "GraphProto") -> "Iterator[GraphProto]":
    yield graph
    for attribute in _attributes(graph):
        for inner in (attribute.g, *attribute.graphs):
            if inner.node or inner.initializer or inner.sparse_initializer:
                yield from _graphs(inner)


def _check_graph(graph: "GraphProto") -> None:
    for node in graph.node:
        if node.domain not in _DOMAINS or node.op_type not in _OPERATORS:
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            raise ValueError(
                f"the graph uses the operator {name!r}, which is not allowed; export a numeric "
                "pipeline, without loops, branches, randomness and texts"
            )
    for tensor in _tensors(graph):
        if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
            raise ValueError(
                f"the graph reads {tensor.name!r} from a file outside of it; save it with all "
                "of its data inside"
            )


def _tensors(graph: "GraphProto") -> "Iterator[TensorProto]":
    yield from graph.initializer
    sparse = [*graph.sparse_initializer]
    for attribute in _attributes(graph):
        yield attribute.t
        yield from attribute.tensors
        sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
    for tensor in sparse:
        yield tensor.values
        yield tensor.indices


def _attributes(graph: "GraphProto") -> "Iterator[AttributeProto]":
    for node in graph.node:
        yield from node.attribute

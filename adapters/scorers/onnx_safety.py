"""What an ONNX graph may hold: arithmetic on its inputs, and nothing from outside of its bytes.

A graph may name files to read its weights from. ONNX Runtime reads them even where the graph itself
was given as bytes. Then what was hashed would not be all that is served. It may also loop, draw at random, or call operators of other libraries.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from model_registry.errors import GateFailed

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from onnx import ModelProto, NodeProto, TensorProto

_DOMAINS = {"", "ai.onnx.ml"}
_OPERATORS = frozenset(
    """
    Abs Add And ArgMax Cast Clip Concat Constant ConstantOfShape Div Equal Exp Expand Flatten
    Gather Gemm Greater GreaterOrEqual Identity Less LessOrEqual Log MatMul Max Min Mul Neg Not
    Or Pow Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare Reshape Round
    Shape Sigmoid Sign Size Slice Softmax Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze
    Where
    ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LinearClassifier LinearRegressor
    Normalizer Scaler SVMClassifier SVMRegressor TreeEnsemble TreeEnsembleClassifier
    TreeEnsembleRegressor
    """.split()
)
"""What scikit-learn's numeric pipelines export to: no loops, branches, randomness or texts.

Each is a function of its inputs alone. The list bounds what a graph can reach, not what it costs.
The golden vectors and the latency show how much memory and time a score takes.
"""


def check_safe(content: bytes) -> None:
    """Returns when the graph in these bytes is arithmetic and whole.

    Raises:
        ValueError: it is no graph.
        GateFailed: it reads from elsewhere, or uses what is not allowed; says what.
    """
    # Not at the top: only loading a model needs it, and it takes a quarter of a second.
    import onnx  # noqa: PLC0415

    try:
        model = onnx.load_model_from_string(content)
    except Exception as exc:  # protobuf's own, which has no types
        raise ValueError("blob 'model' is not an ONNX graph") from exc
    _check_model(model)
    for part in _within(model):
        if isinstance(part, onnx.NodeProto):
            _check_operator(part)
        if isinstance(part, onnx.TensorProto):
            _check_inside(part)


def _check_model(model: "ModelProto") -> None:
    if model.functions:
        _refuse(f"brings a function of its own, {model.functions[0].name!r}")
    if model.training_info:
        _refuse("brings training information")
    versions: dict[str, int] = {}
    for opset in model.opset_import:
        if opset.domain not in _DOMAINS:
            _refuse(f"uses operators of the domain {opset.domain!r}")
        # skl2onnx itself imports a domain twice, always in the same version.
        if versions.setdefault(opset.domain, opset.version) != opset.version:
            _refuse(f"imports two versions of the domain {opset.domain!r}")


def _check_operator(node: "NodeProto") -> None:
    if node.domain not in _DOMAINS or node.op_type not in _OPERATORS:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        _refuse(f"uses the operator {name!r}, which is not allowed")


def _check_inside(tensor: "TensorProto") -> None:
    if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
        _refuse(f"reads {tensor.name!r} from a file outside of it")


def _within(message: "Message") -> "Iterator[Message]":
    """A message and all in it, whichever field it lies in: a new field cannot hide anything."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                yield from _within(inner)


def _refuse(what: str) -> NoReturn:
    raise GateFailed(
        "safety",
        f"the graph {what}; export a numeric pipeline again, with all of its weights inside and "
        "without loops, branches, randomness and texts",
    )

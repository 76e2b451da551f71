"""Models fitted elsewhere: read without pickle, proved on held-out rows, made a candidate's folder.

A scikit-learn pipeline comes in a skops file, or in the folder of an MLflow model that was logged with
skops or as ONNX. What may be in a skops file is fixed here, never by the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from adapters.training.files import ExportedSet
from adapters.training.golden import golden_rows
from adapters.training.onnx_export import SCORER_OPTIONS, check_parity, export
from domain.drift import Reference
from domain.errors import Rejected
from model_registry.evaluation import calibration, evaluate, intervals
from model_registry.ports import ScorerFactory
from model_registry.versions import HeldOut, encode_reference

CANDIDATE, MODEL = "candidate.json", "model.onnx"
MLMODEL = "MLmodel"
TRUSTED = ("numpy.dtype", "sklearn.utils._metadata_requests.MetadataRequest")
"""What a skops file may hold beside what skops itself trusts: both are data, and run nothing."""
_FLOATS = {1: "float32", 11: "float64"}
"""Element types of ONNX. Source: onnx.TensorProto.DataType."""
_PROBABILITIES_OF_TWO = 2


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A model as ONNX, and what the original says of the same rows, if there is one."""

    onnx: bytes
    options: Mapping[str, object]
    says: NDArray[np.float64] | None


def package(model: Path, exported: ExportedSet, folder: Path, *, build: ScorerFactory) -> Path:
    """Writes the candidate that `propensity models register` takes; returns its description.

    `build` is the factory of the scorer that will serve it (kind `onnx`).

    Raises:
        Rejected: the model cannot be read safely, or is none for these features.
        TrainingRefused: its export scores otherwise than the model itself.
    """
    fitted = _read(model, exported)
    matrix = exported.held_out.matrix
    scorer = build(fitted.options, {"model": fitted.onnx})
    try:
        served = scorer.score(matrix)
    except ValueError as exc:
        raise Rejected(str(model), f"does not score these features: {exc}") from exc
    if fitted.says is not None:
        check_parity(fitted.says, served)
    golden = golden_rows(exported.features, exported.held_out_cut_off, matrix, served)
    held_out = HeldOut(
        exported.held_out_sha256,
        exported.held_out.labels,
        served,
        customer=None if exported.held_out.category is None else exported.held_out.customer,
        category=exported.held_out.category,
    )
    reference = Reference.of(exported.features, matrix, served, exported.held_out.customer)
    document = {
        "scorer": {"kind": "onnx", "options": dict(fitted.options)},
        "files": {"model": MODEL},
        "features": exported.features.contract,
        "horizon_days": exported.horizon_days,
        "matrix": golden.tolist(),
        "probabilities": scorer.score(golden).tolist(),
        "metrics": evaluate(held_out),
        "intervals": intervals(held_out),
        "calibration": [msgspec.to_builtins(each) for each in calibration(held_out)],
        "held_out": msgspec.json.decode(held_out.encode()),
        "reference": msgspec.json.decode(encode_reference(reference)),
        "facts": {"fitted_elsewhere": model.name, "held_out_sha256": exported.held_out_sha256},
    }
    return _written(folder, document, fitted.onnx)


def _written(folder: Path, document: Mapping[str, object], model: bytes) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL).write_bytes(model)
        (folder / CANDIDATE).write_bytes(msgspec.json.format(msgspec.json.encode(document)))
    except OSError as exc:
        raise Rejected(str(folder), f"cannot be written: {exc.strerror}") from exc
    return folder / CANDIDATE


def _read(path: Path, exported: ExportedSet) -> _Fitted:
    if (path / MLMODEL).is_file():
        return _of_mlflow(path, exported)
    if path.suffix == ".onnx":
        return _of_onnx(path)
    if path.suffix == ".skops":
        return _of_skops(path, exported)
    raise Rejected(
        str(path),
        f"is no .skops file, no .onnx file and no folder with {MLMODEL}; no pickle is read",
    )


def _of_mlflow(folder: Path, exported: ExportedSet) -> _Fitted:
    """The model of an MLflow folder: its ONNX flavour, else its scikit-learn flavour in skops."""
    try:
        flavours = msgspec.yaml.decode((folder / MLMODEL).read_bytes())["flavors"]
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as exc:
        raise Rejected(str(folder / MLMODEL), f"is no description of a model: {exc}") from exc
    if "onnx" in flavours:
        return _of_onnx(_inside(folder, flavours["onnx"].get("data", "model.onnx")))
    sklearn = flavours.get("sklearn", {})
    if sklearn.get("serialization_format") != "skops":
        raise Rejected(
            str(folder / MLMODEL),
            f"has the model as {sklearn.get('serialization_format', 'something else')}, which may run "
            "anything when it is read; log it with serialization_format='skops', or as ONNX",
        )
    return _of_skops(_inside(folder, sklearn["pickled_model"]), exported)


def _inside(folder: Path, name: object) -> Path:
    path = (folder / str(name)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Rejected(str(folder / MLMODEL), f"names a file outside of its folder: {name!r:.80}")
    return path


def _of_skops(path: Path, exported: ExportedSet) -> _Fitted:
    from skops.io import get_untrusted_types, load  # noqa: PLC0415  # the extra `train`
    from skops.io.exceptions import UntrustedTypesFoundException  # noqa: PLC0415

    try:
        unknown = sorted(set(get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise Rejected(str(path), f"holds types that are not taken: {', '.join(unknown)}")
        pipeline: Any = load(path, trusted=list(TRUSTED))
    except (
        OSError,
        BadZipFile,
        UntrustedTypesFoundException,
        ValueError,
        TypeError,
        KeyError,
    ) as exc:
        raise Rejected(str(path), f"cannot be read as a skops file: {exc}") from exc
    matrix = exported.held_out.matrix
    try:
        says = np.asarray(pipeline.predict_proba(matrix), dtype=np.float64)
    except (AttributeError, ValueError) as exc:
        raise Rejected(str(path), f"gives no probabilities for these features: {exc}") from exc
    if says.shape != (len(matrix), _PROBABILITIES_OF_TWO):
        raise Rejected(str(path), f"tells {says.shape[1:]} classes, not whether somebody buys")
    return _Fitted(export(pipeline, width=matrix.shape[1]), SCORER_OPTIONS, says[:, 1])


def _of_onnx(path: Path) -> _Fitted:
    import onnx  # noqa: PLC0415  # heavy

    try:
        content = path.read_bytes()
        graph = onnx.load_model_from_string(content).graph
    except OSError as exc:
        raise Rejected(str(path), f"cannot be read: {exc.strerror}") from exc
    except Exception as exc:  # protobuf raises its own
        raise Rejected(str(path), f"is no ONNX model: {exc}") from exc
    for output in graph.output:
        tensor = output.type.tensor_type
        sizes = [size.dim_value for size in tensor.shape.dim]
        if tensor.elem_type in _FLOATS and sizes[-1:] == [_PROBABILITIES_OF_TWO]:
            options = {
                "input": graph.input[0].name,
                "output": output.name,
                "column": 1,
                "dtype": _FLOATS[graph.input[0].type.tensor_type.elem_type],
            }
            return _Fitted(content, options, None)
    raise Rejected(
        str(path),
        "has no output of two probabilities per row; export it without ZipMap (zipmap=False)",
    )

"""OnnxScorer: probabilities of an ONNX graph, computed by ONNX Runtime in the calling thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import local
from typing import Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from adapters.scorers.checks import exactly, finite_rows, text, whole
from adapters.scorers.onnx_safety import check_safe
from domain.errors import CorruptRecord

_ELEMENTS = {"float32": "tensor(float)", "float64": "tensor(double)"}
_FATAL = 4
"""ONNX Runtime's severity that stays silent: what goes wrong is raised, not printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxScorer:
    """Scores rows of `width` features with one session, from any number of threads.

    A float64 graph scores all rows in one run. A float32 graph runs once per row, since its
    vectorised kernels give a row other last bits in a batch than alone: right, but slower.
    """

    session: onnxruntime.InferenceSession
    input: str
    output: str
    column: int
    width: int
    dtype: str
    one_row: "_OneRow | None"

    @classmethod
    def build(cls, options: Mapping[str, object], blobs: Mapping[str, bytes], /) -> Self:
        """A scorer of the graph in blobs["model"], read from these bytes.

        Options: "input" and "output" name the graph's features and its probabilities per class,
        "column" is the class asked about, "dtype" the features' float32 or float64.

        Raises:
            ValueError: an option or the graph is not what it must be; says which and why.
            GateFailed: the graph is not safe.
        """
        exactly(options, "input", "output", "column", "dtype")
        dtype = text(options, "dtype")
        if dtype not in _ELEMENTS:
            raise ValueError(f"option 'dtype' must be {' or '.join(_ELEMENTS)}, not {dtype!r}")
        session = _session(blobs)
        name, output = text(options, "input"), text(options, "output")
        column = whole(options, "column", least=0)
        _check_output(session, output, column)
        width = _width(session, name, dtype)
        return cls(
            session=session,
            input=name,
            output=output,
            column=column,
            width=width,
            dtype=dtype,
            one_row=_one_row(session, name, output, width),
        )

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """One probability in [0, 1] per row. Shape: (n, width) float64 to (n,) float64.

        Raises:
            ValueError: the matrix has another width, or holds a value that is not finite.
            CorruptRecord: the graph cannot be run, or gives no probability. The input was valid, so
            the stored model is at fault.
        """
        rows = finite_rows(matrix, width=self.width, dtype=self.dtype)
        if self.dtype == "float32":
            probabilities = np.concatenate([np.empty(0), *map(self._run, rows[:, np.newaxis])])
        else:
            probabilities = self._run(rows) if len(rows) else np.empty(0)
        if not all(0.0 <= each <= 1.0 for each in probabilities.tolist()):  # false for NaN as well
            raise CorruptRecord(
                f"the model's output {self.output!r} holds a value that is no probability"
            )
        return probabilities

    def _run(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        try:
            if self.one_row is not None and len(rows) == 1:
                classes = self.one_row.run(rows)
            else:
                (classes,) = self.session.run([self.output], {self.input: rows})
            chosen: NDArray[np.float64] = classes[:, self.column].astype(np.float64)
        except Exception as exc:  # ONNX Runtime's errors share no base
            raise CorruptRecord(f"the model cannot be run: {exc}") from exc
        if len(chosen) != len(rows):
            raise CorruptRecord(f"the model gave {len(chosen)} answers to {len(rows)} rows")
        return chosen


class _OneRow(local):
    """Where one row goes in and its classes come out, of each thread its own.

    Bound once, they spare ONNX Runtime the making and converting of arrays. That was half of what a
    row costs in a service, where the processor's caches hold nothing of it.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        name: str,
        output: str,
        width: int,
        classes: int,
    ) -> None:
        self._session = session
        self._row = np.zeros((1, width))
        self._classes = np.zeros((1, classes))
        self._binding = session.io_binding()
        for bind, bound, array in (
            (self._binding.bind_input, name, self._row),
            (self._binding.bind_output, output, self._classes),
        ):
            bind(bound, "cpu", 0, np.float64, array.shape, array.ctypes.data)

    def run(self, row: NDArray[np.floating]) -> NDArray[np.float64]:
        """The classes of one row, good until the thread's next call. Shape: (1, width) to (1, classes)."""
        self._row[:] = row
        self._session.run_with_iobinding(self._binding)
        return self._classes


def _one_row(
    session: onnxruntime.InferenceSession, name: str, output: str, width: int
) -> _OneRow | None:
    """None where the graph is float32, or does not say how many classes it has."""
    (entry,) = (each for each in session.get_outputs() if each.name == output)
    if {entry.type, session.get_inputs()[0].type} != {_ELEMENTS["float64"]}:
        return None
    match entry.shape:
        case [_, int(classes)]:
            return _OneRow(session, name, output, width, classes)
        case _:
            return None


def _session(blobs: Mapping[str, bytes]) -> onnxruntime.InferenceSession:
    if "model" not in blobs:
        raise ValueError("blob 'model' is missing: it holds the ONNX graph")
    check_safe(blobs["model"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _FATAL
    # Else bytes in ONNX Runtime's own format would run, whatever graph was checked in them.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(
            blobs["model"], options, providers=["CPUExecutionProvider"]
        )
    except Exception as exc:  # ONNX Runtime's errors share no base
        raise ValueError(f"blob 'model' is not a graph that can be run: {exc}") from exc


def _width(session: onnxruntime.InferenceSession, name: str, dtype: str) -> int:
    inputs = {entry.name: entry for entry in session.get_inputs()}
    if list(inputs) != [name]:
        raise ValueError(f"the graph's inputs are {list(inputs)}, option 'input' says {name!r}")
    if inputs[name].type != _ELEMENTS[dtype]:
        raise ValueError(f"input {name!r} is a {inputs[name].type}, option 'dtype' says {dtype!r}")
    match inputs[name].shape:
        case [None | str(), int(width)] if width > 0:
            return width
        case shape:
            raise ValueError(
                f"input {name!r} must have any number of rows of a known width, not shape {shape}"
            )


def _check_output(session: onnxruntime.InferenceSession, name: str, column: int) -> None:
    outputs = {entry.name: entry for entry in session.get_outputs()}
    if name not in outputs:
        raise ValueError(f"the graph's outputs are {list(outputs)}, option 'output' says {name!r}")
    if outputs[name].type not in _ELEMENTS.values():
        raise ValueError(f"output {name!r} is a {outputs[name].type}: export it without ZipMap")
    match outputs[name].shape:
        case [_, int(classes)] if column >= classes:
            raise ValueError(
                f"output {name!r} has {classes} columns from 0, option 'column' says {column}"
            )
        case [_, _]:
            return
        case shape:
            raise ValueError(f"output {name!r} must be rows of classes, not of shape {shape}")

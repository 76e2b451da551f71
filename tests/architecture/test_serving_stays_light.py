"""Serving needs neither the training libraries nor the sample's, and of the rest no more than it uses."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.training_sets import a_graph, tensor

HEAVY = {"sklearn", "skl2onnx", "scipy", "pandas", "pyarrow", "ministack", "moto"}
ROOT = str(Path(__file__).parents[2])
LINEAR = "dict(coefficients=[0.5], intercept=0)"


def modules_of(program: str, *, folder: Path | None = None) -> set[str]:
    """The modules that a fresh process has imported at the end of this program."""
    shown = "import json, sys; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", f"{program}\n{shown}"]
    ours = {n: v for n, v in os.environ.items() if not n.startswith(("PROPENSITY_", "OTEL_"))}
    found = subprocess.run(
        command, check=True, capture_output=True, cwd=folder, env=ours | {"PYTHONPATH": ROOT}
    )
    return set(json.loads(found.stdout))


def imported_by(program: str) -> set[str]:
    """The top-level packages of these."""
    return {name.split(".")[0] for name in modules_of(program)}


def test_serving_imports_no_training_library() -> None:
    assert not (HEAVY | {"onnx"}) & imported_by(
        "import api.cli, api.http.app, adapters.scorers.onnx"
    )


def test_loading_an_onnx_model_imports_onnx_to_check_it_and_no_training_library() -> None:
    graph = a_graph("Identity", [tensor("features", [None, 2])], [tensor("p", [None, 2])])
    found = imported_by(
        "from adapters.scorers.onnx import OnnxScorer\n"
        "options = dict(input='features', output='p', column=1, dtype='float64')\n"
        f"OnnxScorer.build(options, {{'model': {graph!r}}})"
    )
    assert "onnx" in found
    assert not HEAVY & found


def test_a_linear_model_needs_numpy_alone() -> None:
    found = imported_by(
        "from adapters.scorers.linear import LinearScorer\n"
        "import numpy\n"
        f"LinearScorer.build({LINEAR}, {{}}).score(numpy.ones((1, 1)))"
    )
    assert not (HEAVY | {"onnx", "onnxruntime", "google"}) & found


def test_a_server_without_metrics_and_traces_imports_neither(tmp_path: Path) -> None:
    found = modules_of("from api.entry.asgi import create\ncreate()", folder=tmp_path)
    assert "litestar" in found
    assert "prometheus_client" not in found
    # Litestar looks whether OpenTelemetry is there, and reads the names of its conventions.
    tracing = {name for name in found if name.split(".")[0] == "opentelemetry"}
    assert tracing <= {
        "opentelemetry",
        "opentelemetry.instrumentation",
        "opentelemetry.semconv",
        "opentelemetry.semconv.attributes",
        "opentelemetry.semconv.attributes.http_attributes",
    }
    assert not {name for name in found if name.startswith("adapters.traces")}

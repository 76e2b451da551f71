"""Export a fitted pipeline to ONNX, and check that it scores as the pipeline does."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adapters.training.fitting import complaints_refused
from domain.errors import TrainingRefused

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

SCORER_OPTIONS: Mapping[str, object] = {
    "input": "features",
    "output": "probabilities",
    "column": 1,
    "dtype": "float64",
}
"""How the exported graph is served.

float64. The float32 graph scores a row differently alone and in a batch, and money beyond 2**24
minor units has no exact float32.
"""

MAX_PARITY_DIFFERENCE = 1e-6


def export(pipeline: "Pipeline", *, width: int) -> bytes:
    """The pipeline as an ONNX graph from a (n, width) float64 matrix to probabilities.

    Raises:
        TrainingRefused: it has no such graph.
    """
    from onnx.utils import Extractor  # noqa: PLC0415  # the extra `train`
    from skl2onnx import to_onnx  # noqa: PLC0415
    from skl2onnx.common.data_types import DoubleTensorType  # noqa: PLC0415

    features, probabilities = str(SCORER_OPTIONS["input"]), str(SCORER_OPTIONS["output"])
    with complaints_refused("export"):
        graph = to_onnx(
            pipeline,
            initial_types=[(features, DoubleTensorType([None, width]))],
            options={"zipmap": False},
        )
        wanted = Extractor(graph).extract_model([features], [probabilities])
    return bytes(wanted.SerializeToString())


def check_parity(trained: NDArray[np.float64], served: NDArray[np.float64]) -> float:
    """The largest difference between the two, once it is known to be small enough.

    Raises:
        TrainingRefused: it is not; names both figures.
    """
    difference = float(np.abs(trained - served).max())
    if not difference <= MAX_PARITY_DIFFERENCE:
        raise TrainingRefused(
            "export",
            f"served probabilities differ from scikit-learn's by up to {difference:.3g} on "
            f"{len(trained)} held-out rows, at most {MAX_PARITY_DIFFERENCE:g} is allowed",
        )
    return difference

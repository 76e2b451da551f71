"""Gradient-boosted trees, exported by skl2onnx in float32. No options; the graph is blob `model`."""

from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray


class BoostedTrees:
    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
        self.width = self.session.get_inputs()[0].shape[1]

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinity
            rows = np.ascontiguousarray(matrix, dtype=np.float32)
        if rows.shape[1:] != (self.width,) or not np.isfinite(rows).all():
            raise ValueError(f"finite rows of {self.width} features are due")
        (classes,) = self.session.run(["probabilities"], {"features": rows})
        return np.asarray(classes[:, 1], dtype=np.float64)


def build(options: Mapping[str, object], blobs: Mapping[str, bytes], /) -> BoostedTrees:
    if options or "model" not in blobs:
        raise ValueError("no options and the blob 'model' are due")
    return BoostedTrees(blobs["model"])

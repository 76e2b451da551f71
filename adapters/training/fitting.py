"""Fit a logistic regression, and refuse what the library warns of.

scikit-learn and the ONNX converter are the extra `train`. They are imported when training
starts, because a process that only serves has no use for them and need not install them.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from domain.errors import TrainingRefused
from domain.training import Examples

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

HYPERPARAMETERS: Mapping[str, object] = {"solver": "lbfgs", "tol": 1e-8, "max_iter": 1000}
"""Of scikit-learn's LogisticRegression, beside C: an L2 penalty on standardised features.

lbfgs starts from zero and draws nothing at random, so the same examples give the same model;
`tol` is far below the default, so that two machines stop at the same place. Classes are not
weighted: a probability is to come true as often as it says.
"""

DISTRIBUTIONS = {
    "scikit-learn": "sklearn",
    "skl2onnx": "skl2onnx",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
}
"""What a trained model depends on: distributions, and the modules they install."""


def check_extra() -> None:
    """Returns when the extra `train` is installed.

    Raises:
        TrainingRefused: it is not.
    """
    missing = [name for name, module in DISTRIBUTIONS.items() if find_spec(module) is None]
    if missing:
        raise TrainingRefused(
            "training", f"needs {', '.join(missing)}: pip install 'propensity[train]'"
        )


@contextmanager
def complaints_refused(part: str) -> Iterator[None]:
    """What the libraries warn of here, or refuse, refuses the training."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield
        except (Warning, ValueError) as exc:
            raise TrainingRefused(part, f"the library says: {exc}") from exc


def fit(examples: Examples, *, c: float) -> "Pipeline":
    """A logistic regression of these examples on standardised features; `c` as in scikit-learn.

    Raises:
        TrainingRefused: the library warned, as of a fit that did not converge.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # the extra `train`
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    regression = LogisticRegression(C=c, **HYPERPARAMETERS)
    pipeline = make_pipeline(StandardScaler(), regression)
    with complaints_refused("training"):
        return pipeline.fit(examples.matrix, examples.labels.astype(np.int64))


def probabilities_of(pipeline: "Pipeline", matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the fitted model says of each row. Shape: (n, k) to (n,) float64."""
    with complaints_refused("training"):
        probabilities: NDArray[np.float64] = pipeline.predict_proba(matrix)[:, 1]
    return probabilities

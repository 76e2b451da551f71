"""Training: a logistic regression, exported, checked through what will serve it, and judged.

scikit-learn and the ONNX converter are the extra `train`. They are imported when training
starts, because a process that only serves has no use for them and need not install them.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from domain.errors import TrainingRefused
from domain.features import Histories
from domain.training import Examples, TrainingSet
from domain.values import MICROS_PER_DAY, instant
from model_registry.evaluation import calibration, evaluate, intervals
from model_registry.ports import ScorerFactory
from model_registry.versions import Candidate, GoldenVectors, HeldOut

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

HYPERPARAMETERS: Mapping[str, object] = {"C": 1.0, "solver": "lbfgs", "tol": 1e-8, "max_iter": 1000}
"""Of scikit-learn's LogisticRegression: a weak L2 penalty on standardised features.

lbfgs starts from zero and draws nothing at random, so the same examples give the same model;
`tol` is far below the default, so that two machines stop at the same place.
"""

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
GOLDEN_ROWS = 200

_DISTRIBUTIONS = {
    "scikit-learn": "sklearn",
    "skl2onnx": "skl2onnx",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
}


def train(training_set: TrainingSet, *, build_scorer: ScorerFactory) -> Candidate:
    """A candidate whose export scores every held-out row as the trained model does.

    `build_scorer` is the factory that will serve it (kind `onnx`); the metrics are those of the
    scorer it builds.

    Raises:
        TrainingRefused: the extra `train` is not installed; the horizon is not whole days; a
        library warned; or the export differs from the trained model.
    """
    _check_extra()
    horizon_days = _whole_days(training_set.cut_offs.horizon_us)
    pipeline = _fit(training_set.training)
    blobs = {"model": _export(pipeline, width=len(training_set.features.names))}
    matrix = training_set.held_out.matrix
    trained = _probabilities(pipeline, matrix)
    served = build_scorer(SCORER_OPTIONS, blobs).score(matrix)
    parity = check_parity(trained, served)
    held_out = _judged(training_set, served)
    return Candidate(
        scorer_kind="onnx",
        scorer_options=SCORER_OPTIONS,
        blobs=blobs,
        features=training_set.features,
        horizon_days=horizon_days,
        golden=_golden(pipeline, training_set, trained),
        metrics={**evaluate(held_out), "parity_max_abs_difference": parity},
        intervals=intervals(held_out),
        calibration=calibration(held_out),
        held_out=held_out,
        facts=_facts(pipeline, training_set),
    )


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


def _judged(training_set: TrainingSet, served: NDArray[np.float64]) -> HeldOut:
    try:
        return HeldOut(training_set.held_out_sha256, training_set.held_out.labels, served)
    except ValueError as exc:
        raise TrainingRefused("evaluation", str(exc)) from exc


@contextmanager
def _complaints_refused(part: str) -> Iterator[None]:
    """What the libraries warn of here, or refuse, refuses the training."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield
        except (Warning, ValueError) as exc:
            raise TrainingRefused(part, f"the library says: {exc}") from exc


def _check_extra() -> None:
    missing = [name for name, module in _DISTRIBUTIONS.items() if find_spec(module) is None]
    if missing:
        raise TrainingRefused(
            "training", f"needs {', '.join(missing)}: pip install 'propensity[train]'"
        )


def _whole_days(horizon_us: int) -> int:
    days, rest = divmod(horizon_us, MICROS_PER_DAY)
    if rest:
        raise TrainingRefused("horizon", f"must be whole days, not {horizon_us} us")
    return days


def _fit(examples: Examples) -> "Pipeline":
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # the extra `train`
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    pipeline = make_pipeline(StandardScaler(), LogisticRegression(**HYPERPARAMETERS))
    with _complaints_refused("training"):
        return pipeline.fit(examples.matrix, examples.labels.astype(np.int64))


def _probabilities(pipeline: "Pipeline", matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    with _complaints_refused("training"):
        probabilities: NDArray[np.float64] = pipeline.predict_proba(matrix)[:, 1]
    return probabilities


def _export(pipeline: "Pipeline", *, width: int) -> bytes:
    from onnx.utils import Extractor  # noqa: PLC0415  # the extra `train`
    from skl2onnx import to_onnx  # noqa: PLC0415
    from skl2onnx.common.data_types import DoubleTensorType  # noqa: PLC0415

    features, probabilities = str(SCORER_OPTIONS["input"]), str(SCORER_OPTIONS["output"])
    with _complaints_refused("export"):
        graph = to_onnx(
            pipeline,
            initial_types=[(features, DoubleTensorType([None, width]))],
            options={"zipmap": False},
        )
        wanted = Extractor(graph).extract_model([features], [probabilities])
    return bytes(wanted.SerializeToString())


def _golden(
    pipeline: "Pipeline", training_set: TrainingSet, trained: NDArray[np.float64]
) -> GoldenVectors:
    """Held-out rows spread evenly over the ranks of their scores, and an empty history's row."""
    ranked = np.argsort(trained, kind="stable")
    spread = np.linspace(0, len(ranked) - 1, min(GOLDEN_ROWS, len(ranked))).round().astype(np.int64)
    features = training_set.features
    no_category = "" if features.targeted else None
    empty = features.matrix(Histories.of([()]), training_set.cut_offs.held_out, target=no_category)
    matrix = np.unique(
        np.concatenate([empty, training_set.held_out.matrix[ranked[spread]]]), axis=0
    )
    return GoldenVectors(matrix, _probabilities(pipeline, matrix))


def _facts(pipeline: "Pipeline", training_set: TrainingSet) -> dict[str, object]:
    scaler, regression = pipeline[0], pipeline[-1]
    slopes = regression.coef_[0] / scaler.scale_
    cut_offs = training_set.cut_offs
    return {
        "training_cut_offs": [instant.render(cut_off) for cut_off in cut_offs.training],
        "held_out_cut_off": instant.render(cut_offs.held_out),
        "horizon_days": _whole_days(cut_offs.horizon_us),
        "training_rows": len(training_set.training),
        "training_buyers": training_set.training.buyers,
        "held_out_buyers": training_set.held_out.buyers,
        "held_out_sha256": training_set.held_out_sha256,
        "customers": training_set.customers,
        "purchases": training_set.purchases,
        "coefficients": dict(zip(training_set.features.names, slopes.tolist(), strict=True)),
        "intercept": float(regression.intercept_[0] - slopes @ scaler.mean_),
        "hyperparameters": dict(HYPERPARAMETERS),
        "libraries": {name: version(name) for name in _DISTRIBUTIONS},
    }

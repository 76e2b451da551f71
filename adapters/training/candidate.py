"""Candidate: a model fitted on a training set, checked through what will serve it, and judged."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adapters.training.fitting import (
    DISTRIBUTIONS,
    HYPERPARAMETERS,
    check_extra,
    fit,
    probabilities_of,
)
from adapters.training.golden import golden_rows
from adapters.training.onnx_export import SCORER_OPTIONS, check_parity, export
from adapters.training.recalibrating import Line, line_of, recalibrated
from adapters.training.selecting import USUAL_PENALTY
from domain.drift import Reference
from domain.errors import TrainingRefused
from domain.training import FeatureTrial, TrainingSet
from domain.values import MICROS_PER_DAY, instant
from model_registry.evaluation import calibration, evaluate, intervals
from model_registry.ports import ScorerFactory
from model_registry.versions import Candidate, GoldenVectors, HeldOut

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def train(
    training_set: TrainingSet,
    *,
    build_scorer: ScorerFactory,
    c: float = USUAL_PENALTY,
    trials: Sequence[FeatureTrial] = (),
    beside: Sequence[Mapping[str, object]] = (),
) -> Candidate:
    """A candidate whose export scores every held-out row as the trained model does.

    `build_scorer` is the factory that will serve it (kind `onnx`); the metrics are those of the
    scorer it builds. `c` is the penalty, `trials` what was tried before it was chosen, and
    `beside` are figures of others to be compared with.

    Raises:
        TrainingRefused: the extra `train` is not installed; the horizon is not whole days; a
        library warned; or the export differs from the trained model.
    """
    check_extra()
    horizon_days = _whole_days(training_set.cut_offs.horizon_us)
    pipeline = fit(training_set.training, c=c)
    line = line_of(training_set.training, c=c)
    if line is not None:
        pipeline = recalibrated(pipeline, line)
    blobs = {"model": export(pipeline, width=len(training_set.features.names))}
    matrix = training_set.held_out.matrix
    trained = probabilities_of(pipeline, matrix)
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
        reference=Reference.of(
            training_set.features, matrix, served, training_set.held_out.customer
        ),
        facts={
            **_facts(pipeline, training_set),
            "hyperparameters": {"C": c, **HYPERPARAMETERS},
            "recalibration": _told(line),
            "beside": list(beside),
            "segments": _segments(training_set, held_out),
            "trials": [
                {"features": each.name, "C": each.c, "log_loss": each.log_loss} for each in trials
            ],
        },
    )


def _segments(training_set: TrainingSet, held_out: HeldOut) -> list[dict[str, object]]:
    """What was predicted of each segment, and what happened."""
    return [
        {
            "segment": name,
            "rows": int(rows.sum()),
            "mean_probability": float(held_out.probabilities[rows].mean()),
            "observed_rate": float(held_out.labels[rows].mean()),
        }
        for name, rows in training_set.segments.items()
        if rows.any()
    ]


def _told(line: Line | None) -> Mapping[str, object] | None:
    if line is None:
        return None
    low, high = line.gain
    return {"slope": line.slope, "intercept": line.intercept, "log_loss_gain": [low, high]}


def _judged(training_set: TrainingSet, served: NDArray[np.float64]) -> HeldOut:
    try:
        examples = training_set.held_out
        return HeldOut(
            training_set.held_out_sha256,
            examples.labels,
            served,
            customer=None if examples.category is None else examples.customer,
            category=examples.category,
        )
    except ValueError as exc:
        raise TrainingRefused("evaluation", str(exc)) from exc


def _whole_days(horizon_us: int) -> int:
    days, rest = divmod(horizon_us, MICROS_PER_DAY)
    if rest:
        raise TrainingRefused("horizon", f"must be whole days, not {horizon_us} us")
    return days


def _golden(
    pipeline: "Pipeline", training_set: TrainingSet, trained: NDArray[np.float64]
) -> GoldenVectors:
    held_out, cut_off = training_set.held_out, training_set.cut_offs.held_out
    matrix = golden_rows(training_set.features, cut_off, held_out.matrix, trained)
    return GoldenVectors(matrix, probabilities_of(pipeline, matrix))


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
        "feature_means": dict(zip(training_set.features.names, scaler.mean_.tolist(), strict=True)),
        "feature_scales": dict(
            zip(training_set.features.names, scaler.scale_.tolist(), strict=True)
        ),
        "training_base_rate": float(training_set.training.labels.mean()),
        "libraries": {name: version(name) for name in DISTRIBUTIONS},
    }

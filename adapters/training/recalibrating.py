"""Recalibrate: probabilities pulled to what the newest training cut-off saw, where that helps.

A model of several months may be too sure of itself a month later. The newest training cut-off is
predicted by a model of the others. Where a line through the log-odds does certainly better there,
the final model gets that line. It is part of the coefficients, so of the ONNX graph too.

Source: Platt (1999), Advances in Large Margin Classifiers; Cox, Biometrika 45 (1958) 562-565.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adapters.training.fitting import complaints_refused, fit
from domain.errors import TrainingRefused
from domain.training import Examples
from model_registry.evaluation import log_losses, mean_interval

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

LEAST_CUT_OFFS = 2
HALVES = 2
_NO_PENALTY = 1e6


@dataclass(frozen=True, slots=True)
class Line:
    """The log-odds become slope * log-odds + intercept; `gain` of log loss, low and high."""

    slope: float
    intercept: float
    gain: tuple[float, float]


def line_of(examples: Examples, *, c: float) -> Line | None:
    """The line that certainly helps on the newest cut-off; None: none does, or it is not found."""
    try:
        return _line_of(examples, c=c)
    except TrainingRefused:  # a fit did not converge
        return None


def _line_of(examples: Examples, *, c: float) -> Line | None:
    cut_offs = np.unique(examples.cut_off)
    if len(cut_offs) < LEAST_CUT_OFFS:
        return None
    newest = examples.cut_off == cut_offs[-1]
    before, after = examples.rows(~newest), examples.rows(newest)
    if not _both(before.labels) or not _both(after.labels):
        return None
    odds = _log_odds(fit(before, c=c), after.matrix)
    gains = np.empty(len(after))
    for half in range(HALVES):  # a line is judged on customers that it was not drawn through
        mine = after.customer % HALVES == half
        if not _both(after.labels[~mine]):
            return None
        slope, intercept = _fitted(odds[~mine], after.labels[~mine])
        gains[mine] = log_losses(after.labels[mine], _probability(odds[mine])) - log_losses(
            after.labels[mine], _probability(slope * odds[mine] + intercept)
        )
    gain = mean_interval(gains, group=after.customer)
    return Line(*_fitted(odds, after.labels), gain) if gain[0] > 0 else None


def recalibrated(pipeline: "Pipeline", line: Line) -> "Pipeline":
    """The pipeline with the line in its coefficients."""
    regression = pipeline[-1]
    regression.coef_ = regression.coef_ * line.slope
    regression.intercept_ = regression.intercept_ * line.slope + line.intercept
    return pipeline


def _fitted(odds: NDArray[np.float64], labels: NDArray[np.bool_]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # the extra `train`

    with complaints_refused("calibration"):
        fitted = LogisticRegression(C=_NO_PENALTY).fit(odds[:, None], labels.astype(np.int64))
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _log_odds(pipeline: "Pipeline", matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = pipeline.decision_function(matrix)
    return odds


def _probability(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-odds))
    return probability


def _both(labels: NDArray[np.bool_]) -> bool:
    return bool(labels.any() and not labels.all())

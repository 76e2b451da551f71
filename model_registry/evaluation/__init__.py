"""Evaluation: how good a version is, and which of two is better."""

from model_registry.evaluation.comparison import Comparison, Difference, compare
from model_registry.evaluation.metrics import METRICS, calibration, evaluate, intervals

__all__ = ["METRICS", "Comparison", "Difference", "calibration", "compare", "evaluate", "intervals"]

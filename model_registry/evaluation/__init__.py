"""Evaluation: how good a version is, and which of two is better."""

from model_registry.evaluation.comparison import Comparison as Comparison
from model_registry.evaluation.comparison import Difference as Difference
from model_registry.evaluation.comparison import compare as compare
from model_registry.evaluation.metrics import METRICS as METRICS
from model_registry.evaluation.metrics import calibration as calibration
from model_registry.evaluation.metrics import evaluate as evaluate
from model_registry.evaluation.metrics import intervals as intervals

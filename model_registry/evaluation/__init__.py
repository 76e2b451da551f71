"""Evaluation: how good a version is, and which of two is better."""

from model_registry.evaluation.comparison import Comparison as Comparison
from model_registry.evaluation.comparison import Difference as Difference
from model_registry.evaluation.comparison import compare as compare
from model_registry.evaluation.gains import Tenth as Tenth
from model_registry.evaluation.gains import tenths as tenths
from model_registry.evaluation.metrics import METRICS as METRICS
from model_registry.evaluation.metrics import calibration as calibration
from model_registry.evaluation.metrics import evaluate as evaluate
from model_registry.evaluation.metrics import intervals as intervals
from model_registry.evaluation.metrics import lift_quality as lift_quality
from model_registry.evaluation.metrics import log_losses as log_losses
from model_registry.evaluation.metrics import mean_interval as mean_interval
from model_registry.evaluation.metrics import quality_of as quality_of

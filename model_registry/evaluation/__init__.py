"""Evaluation: how good a version is, and which of two is better."""

from model_registry.evaluation.comparison import Comparison as Comparison
from model_registry.evaluation.comparison import Difference as Difference
from model_registry.evaluation.comparison import compare as compare
from model_registry.evaluation.comparison import held_out_of as held_out_of
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
from model_registry.evaluation.performance import Performance as Performance
from model_registry.evaluation.performance import Share as Share
from model_registry.evaluation.promises import ArmOutcome as ArmOutcome
from model_registry.evaluation.promises import FlagOutcome as FlagOutcome
from model_registry.evaluation.promises import Judged as Judged
from model_registry.evaluation.promises import Promised as Promised
from model_registry.evaluation.promises import came_true as came_true
from model_registry.evaluation.promises import flags_in as flags_in
from model_registry.evaluation.promises import promised_by as promised_by
from model_registry.evaluation.promises import promised_interval as promised_interval

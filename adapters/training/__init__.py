"""Training: features chosen, a regression fitted, exported and judged; files out, models in."""

from adapters.training.candidate import train as train
from adapters.training.fitting import HYPERPARAMETERS as HYPERPARAMETERS
from adapters.training.onnx_export import SCORER_OPTIONS as SCORER_OPTIONS
from adapters.training.onnx_export import check_parity as check_parity
from adapters.training.selecting import logged as logged
from adapters.training.selecting import select as select

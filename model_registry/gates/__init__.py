"""Gates: whether a version may serve."""

from model_registry.gates.admission import Admission as Admission
from model_registry.gates.load import LoadGates as LoadGates
from model_registry.gates.load import check_integrity as check_integrity
from model_registry.gates.plugins import SHIPPED as SHIPPED
from model_registry.gates.plugins import ScorerPlugins as ScorerPlugins

"""Gates: whether a version may serve."""

from model_registry.gates.admission import Admission
from model_registry.gates.load import LoadGates, check_integrity
from model_registry.gates.plugins import SHIPPED, ScorerPlugins

__all__ = ["SHIPPED", "Admission", "LoadGates", "ScorerPlugins", "check_integrity"]

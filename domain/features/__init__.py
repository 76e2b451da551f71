"""Features computed from purchase histories, and their contract."""

from domain.features.feature_set import FEATURE_SETS, FeatureSet
from domain.features.histories import Histories

__all__ = ["FEATURE_SETS", "FeatureSet", "Histories"]

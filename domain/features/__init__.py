"""Features computed from purchase histories, and their contract."""

from domain.features.feature_set import FEATURE_SETS as FEATURE_SETS
from domain.features.feature_set import FeatureSet as FeatureSet
from domain.features.histories import Histories as Histories

"""Features computed from purchase histories, and their contract."""

from domain.features.aggregation import Aggregation as Aggregation
from domain.features.base_rates import BaseRates as BaseRates
from domain.features.declared import DeclaredSet as DeclaredSet
from domain.features.declared import features_of as features_of
from domain.features.earlier import NEVER as NEVER
from domain.features.feature import AnyFeature as AnyFeature
from domain.features.feature import Combination as Combination
from domain.features.feature import Feature as Feature
from domain.features.feature import Operation as Operation
from domain.features.feature import Shape as Shape
from domain.features.feature import Transform as Transform
from domain.features.feature_set import FeatureSet as FeatureSet
from domain.features.feature_set import total_purchase_volume_30d as total_purchase_volume_30d
from domain.features.histories import Histories as Histories
from domain.features.known import TARGET as TARGET
from domain.features.known import Known as Known
from domain.features.lifetimes import LifetimeColumns as LifetimeColumns

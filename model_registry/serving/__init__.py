"""Serving: what each process has live, shows and shadows."""

from model_registry.serving.asked import AskedCustomers as AskedCustomers
from model_registry.serving.asked import AskedDays as AskedDays
from model_registry.serving.drift import DriftState as DriftState
from model_registry.serving.drift import VersionDrift as VersionDrift
from model_registry.serving.drift import drift_on as drift_on
from model_registry.serving.drift import newest_drift as newest_drift
from model_registry.serving.live import LiveModel as LiveModel
from model_registry.serving.live import load as load
from model_registry.serving.live import load_aside as load_aside
from model_registry.serving.logged import LoggedVersions as LoggedVersions
from model_registry.serving.presence import TTL_S as TTL_S
from model_registry.serving.presence import Presence as Presence
from model_registry.serving.presence import Serving as Serving
from model_registry.serving.several import LiveModels as LiveModels
from model_registry.serving.shadow import Shadowed as Shadowed
from model_registry.serving.shadow import ShadowReport as ShadowReport
from model_registry.serving.shadow import ShadowScoring as ShadowScoring
from model_registry.serving.shadow import merged as merged

"""Serving: what each process has live, shows and shadows."""

from model_registry.serving.live import LiveModel as LiveModel
from model_registry.serving.live import load as load
from model_registry.serving.presence import TTL_S as TTL_S
from model_registry.serving.presence import Presence as Presence
from model_registry.serving.presence import Serving as Serving
from model_registry.serving.several import LiveModels as LiveModels
from model_registry.serving.shadow import Shadowed as Shadowed
from model_registry.serving.shadow import ShadowReport as ShadowReport
from model_registry.serving.shadow import ShadowScoring as ShadowScoring
from model_registry.serving.shadow import merged as merged

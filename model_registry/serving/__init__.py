"""Serving: what each process has live, shows and shadows."""

from model_registry.serving.live import LiveModel
from model_registry.serving.presence import TTL_S, Presence, Serving
from model_registry.serving.shadow import ShadowReport, ShadowScoring, merged

__all__ = ["TTL_S", "LiveModel", "Presence", "Serving", "ShadowReport", "ShadowScoring", "merged"]

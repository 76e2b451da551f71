"""What every process needs: settings, tokens, logs, memory."""

from api.process.garbage import settle
from api.process.logs import configure_logging
from api.process.settings import PREFIX, Secret, Settings, described, load_settings, shown
from api.process.tokens import Scope, Tokens

__all__ = [
    "PREFIX",
    "Scope",
    "Secret",
    "Settings",
    "Tokens",
    "configure_logging",
    "described",
    "load_settings",
    "settle",
    "shown",
]

"""What every process needs: settings, logs, polling, memory."""

from api.process.garbage import settle
from api.process.logs import configure_logging
from api.process.polling import LivePolling
from api.process.settings import PREFIX, Settings, load_settings

__all__ = ["PREFIX", "LivePolling", "Settings", "configure_logging", "load_settings", "settle"]

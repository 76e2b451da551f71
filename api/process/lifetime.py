"""The lines of a process's start and stop."""

import logging
import time
from collections.abc import Callable
from importlib.metadata import version

from api.process.settings import Settings, shown

_log = logging.getLogger(__name__)


def log_started(command: str, settings: Settings) -> Callable[[], None]:
    """Writes that the process has started; calling what it returns writes that it stops."""
    began = time.monotonic()
    defaults = shown(Settings())
    given = {name: value for name, value in shown(settings).items() if value != defaults[name]}
    _log.info(
        "process_started",
        extra={"command": command, "version": version("propensity"), "settings": given},
    )

    def log_stopped() -> None:
        uptime_s = round(time.monotonic() - began, 1)
        _log.info("process_stopped", extra={"command": command, "uptime_s": uptime_s})

    return log_stopped

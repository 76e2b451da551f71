"""Logging of the serving process: one line format, to stderr, never a customer."""

import logging
import time
from logging.config import dictConfig


class UtcFormatter(logging.Formatter):
    """When (UTC, to the millisecond), how bad, who, what."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def configure_logging(level: str) -> None:
    """Every logger of this process writes that level and above to stderr, the server's too.

    The loggers of the libraries under DynamoDB stay at warning or above: below, they write where
    their own settings come from, and requests, which hold customer ids. So do the paths that the server's access log would write:
    it has no handler, and the server writes none.
    """
    at_least_warning = {
        "level": max(logging.getLevelNamesMapping()[level.upper()], logging.WARNING)
    }
    to_root = {"handlers": [], "propagate": True, "level": "NOTSET"}
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": UtcFormatter,
                    "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s",
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level.upper()},
            "loggers": {
                **dict.fromkeys(("uvicorn", "uvicorn.error"), to_root),
                "uvicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
                **dict.fromkeys(("pynamodb", "botocore", "urllib3"), at_least_warning),
            },
        }
    )

"""A line for a request that has its answer: for a share of them, and for all that failed."""

import logging
import random
from http import HTTPStatus

from api.http.observing import NO_ROUTE

_log = logging.getLogger(__name__)


class AccessLog:
    """A `RequestObserver` that writes a share of the answers, and every 5xx.

    What is refused for want of a place has no line of its own: it is counted once a minute.
    """

    def __init__(self, share: float) -> None:
        self._share = share

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has its answer."""
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            if random.random() >= self._share:  # noqa: S311  # which lines are written is no secret
                return
        elif route == NO_ROUTE:
            return
        _log.info(
            "request_answered",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1_000, 3),
            },
        )

    def shed(self) -> None:
        """A request is refused for want of a place."""

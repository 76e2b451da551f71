"""Lines about the store: slow calls, and calls that it refused or did not answer."""

import logging
from collections.abc import Callable, Mapping

from api.process.tally import Tally
from domain.store_calls import CallOutcome, StoreCall

SLOW_S = 0.1
"""Ten times what DynamoDB usually needs, and less than a shop's page waits for a decision."""
_TROUBLE = {CallOutcome.THROTTLED, CallOutcome.SILENT, CallOutcome.REFUSED}
"""The other outcomes are how writes are told apart."""
_log = logging.getLogger(__name__)


class StoreLog:
    """A `StoreObserver` that writes a line at once, then once a minute while it goes on."""

    def __init__(
        self, make_tally: Callable[[Callable[[Mapping[str, int]], object]], Tally] = Tally
    ) -> None:
        self._slow = make_tally(self._tell_slow)
        self._troubled = make_tally(_tell_troubled)
        self._slowest = (0.0, "")

    def called(self, call: StoreCall, /) -> None:
        """A call has ended."""
        if call.seconds >= SLOW_S:
            self._slowest = max(self._slowest, (call.seconds, call.operation))
            self._slow.add("slow")
        if call.outcome in _TROUBLE:
            self._troubled.add(call.outcome.value)
        if call.unprocessed:
            self._troubled.add("unprocessed", call.unprocessed)

    def retried(self) -> None:
        """What was asked is about to be asked again."""
        self._troubled.add("retries")

    def _tell_slow(self, counts: Mapping[str, int]) -> None:
        (seconds, operation), self._slowest = self._slowest, (0.0, "")
        _log.warning(
            "store_slow",
            extra={
                "count": counts["slow"],
                "over_ms": round(SLOW_S * 1_000),
                "operation": operation,
                "slowest_ms": round(seconds * 1_000),
            },
        )


def _tell_troubled(counts: Mapping[str, int]) -> None:
    _log.warning("store_troubled", extra={"causes": dict(counts)})

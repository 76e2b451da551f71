"""What a Lambda function counts, as one line for CloudWatch in its embedded metric format.

Source: Amazon CloudWatch, "Specification: Embedded metric format".
"""

import json
from collections.abc import Callable, Sequence
from threading import Lock

from domain.purchases import PurchaseOutcome
from domain.queue import QueueDepth
from domain.store_calls import StoreCall
from domain.values import MICROS_PER_SECOND, Clock

NAMESPACE = "Propensity"
_DIMENSION = "FunctionName"
_MICROS_PER_MS = 1_000
_UNITS = {
    "Duration": "Milliseconds",
    "StoreSlowestCall": "Milliseconds",
    "OldestMessageAge": "Seconds",
}


class CloudWatchMetrics:
    """A `StoreObserver` and a `QueueObserver` that counts until a line is taken. Thread-safe.

    A name is made of our own outcomes alone, so there are about twenty; the one dimension is the
    function's name.
    """

    def __init__(self, function: str, clock: Clock) -> None:
        self._function = function
        self._clock = clock
        self._lock = Lock()
        self._values: dict[str, float] = {}

    @property
    def store(self) -> "CloudWatchMetrics":
        """Who is told of calls to the store."""
        return self

    @property
    def queue(self) -> "CloudWatchMetrics":
        """Who is told of messages."""
        return self

    @property
    def purchases(self) -> Callable[[Sequence[PurchaseOutcome | None]], object]:
        """Who is told of the outcomes of the intake."""
        return self._took_in

    def called(self, call: StoreCall, /) -> None:
        """A call has ended."""
        with self._lock:
            self._add(f"StoreCalls{_title(call.outcome)}", 1)
            self._add("StoreUnprocessed", call.unprocessed)
            self._add("StoreReadUnits", call.read_units)
            self._add("StoreWriteUnits", call.write_units)
            self._raise("StoreSlowestCall", call.seconds * 1_000)

    def retried(self) -> None:
        """What was asked is about to be asked again."""
        with self._lock:
            self._add("StoreRetries", 1)

    def taken(self, outcome: str, sent_at: int | None, /) -> None:
        """A message was taken; `sent_at` in microseconds since the epoch, UTC."""
        with self._lock:
            self._add(f"Messages{_title(outcome)}", 1)
            if sent_at is not None:  # and the clock of the queue may be ahead of ours
                age_s = max(0, self._clock() - sent_at) / MICROS_PER_SECOND
                self._raise("OldestMessageAge", age_s)

    def held(self, queue: QueueDepth | None, dead_letters: QueueDepth | None, /) -> None:
        """Nothing: how much a function's queue holds, CloudWatch knows from SQS."""

    def line(self, *, seconds: float) -> str:
        """What was counted since the line before, for an invocation that took so long.

        What did not happen is not in it: CloudWatch bills what it is told.
        """
        with self._lock:
            values, self._values = self._values, {}
        values = {"Duration": seconds * 1_000} | {k: v for k, v in values.items() if v}
        metrics = [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values]
        directive = {"Namespace": NAMESPACE, "Dimensions": [[_DIMENSION]], "Metrics": metrics}
        told = {"Timestamp": self._clock() // _MICROS_PER_MS, "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": told, _DIMENSION: self._function, **values})

    def _took_in(self, outcomes: Sequence[PurchaseOutcome | None]) -> None:
        with self._lock:
            for each in outcomes:
                outcome = "unanswered" if each is None else each.outcome
                self._add(f"Purchases{_title(outcome)}", 1)

    def _add(self, name: str, amount: float) -> None:
        self._values[name] = self._values.get(name, 0) + amount

    def _raise(self, name: str, value: float) -> None:
        self._values[name] = max(self._values.get(name, 0), value)


def _title(outcome: str) -> str:
    """As CloudWatch's own names are written: condition_failed as ConditionFailed."""
    return "".join(word.title() for word in outcome.split("_"))

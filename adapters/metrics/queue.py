"""The queue and its worker, as Prometheus sees them."""

from math import nan

from prometheus_client import CollectorRegistry, Counter, Histogram

from adapters.metrics.cells import live_gauge
from domain.queue import QueueDepth
from domain.values import MICROS_PER_SECOND, Clock

AGES_S = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)
OUTCOMES = ("done", "refused", "left")


class QueueMetrics:
    """A `QueueObserver` that counts for Prometheus."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._taken = Counter(
            "propensity_queue_messages_taken",
            "Messages received, by what became of them; one that is left comes again.",
            ["outcome"],
            registry=registry,
        )
        for outcome in OUTCOMES:
            self._taken.labels(outcome)  # from 0 on
        self._age = Histogram(
            "propensity_queue_message_age_seconds",
            "From sent to taken, each time that a message was taken.",
            buckets=AGES_S,
            registry=registry,
        )
        self._messages = live_gauge(
            registry,
            "propensity_queue_messages",
            "Messages in the queue, as SQS counts them; NaN where it did not say.",
            "state",
            mode="livemax",
        )
        self._letters = live_gauge(
            registry,
            "propensity_queue_dead_letters",
            "Messages in the queue of dead letters; NaN where SQS did not say.",
            mode="livemax",
        )

    def taken(self, outcome: str, sent_at: int | None, /) -> None:
        """A message was taken; `sent_at` in microseconds since the epoch, UTC."""
        self._taken.labels(outcome).inc()
        if sent_at is not None:  # and the clock of the queue may be ahead of ours
            self._age.observe(max(0, self._clock() - sent_at) / MICROS_PER_SECOND)

    def held(self, queue: QueueDepth | None, dead_letters: QueueDepth | None, /) -> None:
        """What the queues hold now."""
        for state in ("visible", "in_flight", "delayed"):
            self._messages.labels(state).set(nan if queue is None else getattr(queue, state))
        self._letters.set(nan if dead_letters is None else dead_letters.total)

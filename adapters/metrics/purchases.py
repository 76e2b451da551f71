"""Purchases as they are taken in, as Prometheus sees them."""

from collections import Counter as Counts
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter

from domain.purchases import Outcome, PurchaseOutcome

UNANSWERED = "unanswered"


class PurchaseMetrics:
    """Counts what the intake said of each purchase, refund and cancellation, whichever way it came."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._purchases = Counter(
            "propensity_purchases",
            "Purchases, refunds and cancellations by outcome; unanswered: the store was silent.",
            ["outcome"],
            registry=registry,
        )
        for outcome in (*Outcome, UNANSWERED):
            self._purchases.labels(str(outcome))  # from 0 on

    def __call__(self, outcomes: Sequence[PurchaseOutcome | None], /) -> None:
        """These are the outcomes of one call; None: the store did not answer."""
        found = Counts(UNANSWERED if each is None else str(each.outcome) for each in outcomes)
        for outcome, count in found.items():
            self._purchases.labels(outcome).inc(count)

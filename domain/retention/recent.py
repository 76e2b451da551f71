"""How many days of recent purchases are kept, and from when on they are complete."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.retention.purchases import FOR_EVER, PurchaseRetention
from domain.values import MICROS_PER_DAY, Window, day_of

SLACK_DAYS = 2
"""Days kept beyond the longest window: one for writers' clocks, the rest for as_of in the past."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Which UTC days the recent purchases keep: the longest window, and slack; and what the truth keeps.

    A write at `now` keeps day_of(now) and the `days` days before it. Raised, it does not bring
    back what was not kept: an item knows with which retentions it was written, and the store when
    somebody last wrote with which, since a customer without an item may have had one that expired.
    Rebuilding the recent purchases makes them complete at once, patience after that many days.
    """

    days: int
    purchases: PurchaseRetention = FOR_EVER

    @classmethod
    def covering(cls, window: Window, purchases: PurchaseRetention = FOR_EVER) -> "Retention":
        """The retention that answers `window` for every as_of of the last SLACK_DAYS - 1 days.

        Raises:
            ValueError: purchases are not kept for so long.
        """
        days = -(-window.length_us // MICROS_PER_DAY) + SLACK_DAYS
        if purchases.days is not None and purchases.days <= days:
            raise ValueError(
                f"recent purchases of {window} are kept for {days} days, so purchases must be for "
                f"more, not for {purchases.days}"
            )
        return cls(days, purchases)

    def oldest_day(self, now: int) -> int:
        """The oldest day that a write at `now` keeps."""
        return day_of(now) - self.days

    def complete_since(self, now: int) -> int:
        """The oldest day a read at `now` may trust: a writer's clock may be a day further on."""
        return self.oldest_day(now) + 1

    def complete_for_all(self, now: int, last_writes: Mapping[int, int]) -> int:
        """The oldest day a read at `now` may trust where others wrote with other retentions.

        `last_writes` tells when, by the days they keep; both are microseconds since the epoch, UTC.
        What a shorter one kept is there for as long as it promised; before that, it may have expired,
        up to a day after the last of its writes.
        """
        since = self.complete_since(now)
        for days, last in last_writes.items():
            if days < self.days:
                expired = min(day_of(last) + 2, Retention(days).complete_since(now))
                since = max(since, expired)
        return since

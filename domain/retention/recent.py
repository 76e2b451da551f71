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

    A write at `now` keeps day_of(now) and the `days` days before it.

    Raising `days` does not restore purchases already dropped. Until every item has been rebuilt, or
    `days` days have passed, longer windows fall back to the index. Items record the retention they
    were written with. The marks item records when each retention was last used, because an item
    that expired records nothing.
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
                f"purchases must be kept for more than {days} days, not {purchases.days}: "
                f"windows of {window} need that"
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

        `last_writes` holds the instant of the last write by the days that its writer keeps.
        Instants are microseconds since the epoch, UTC. A process with a shorter retention may have
        let items expire until the day after its last write. Days before that are not trusted.
        """
        since = self.complete_since(now)
        for days, last in last_writes.items():
            if days < self.days:
                expired = min(day_of(last) + 2, Retention(days).complete_since(now))
                since = max(since, expired)
        return since

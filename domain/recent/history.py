"""One customer's recent purchases and totals, and for which instants they suffice."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from domain.purchases import Lifetime, PurchaseColumns, refunded_minor
from domain.values import MICROS_PER_DAY, Reach, day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentHistory:
    """One customer's purchases, every one since the day `complete_since` but for `overflow_days`.

    `lifetime` has the totals of all that was ever bought, listed or not; None: they are not known.
    `suppressed`: the customer is being erased, or was, and nothing of them is taken.
    """

    customer_id: str
    complete_since: int
    purchases: PurchaseColumns
    lifetime: Lifetime | None = None
    overflow_days: frozenset[int] = field(default=frozenset())
    suppressed: bool = False

    def answers(self, reach: Reach, as_of: int) -> bool:
        """Whether all that must be known at that instant is; if not, ask the purchase history."""
        if not self.covers(after=reach.window.after(as_of), until=as_of):
            return False
        return not reach.ever or (self.lifetime is not None and self._totals_at(as_of))

    def covers(self, *, after: int, until: int) -> bool:
        """Whether (after, until] is complete here; microseconds since the epoch, UTC."""
        first_day, last_day = day_of(after + 1), day_of(until)
        overflows = any(first_day <= day <= last_day for day in self.overflow_days)
        return first_day >= self.complete_since and not overflows

    def reaching(self, reach: Reach) -> PurchaseColumns:
        """The purchases, with the totals where they are asked for."""
        return replace(self.purchases, lifetime=self.lifetime) if reach.ever else self.purchases

    def _totals_at(self, as_of: int) -> bool:
        """Whether the totals at that instant follow from those of now, once it is covered.

        What was bought later must be listed, and nothing given back later. And where something was
        bought later, the last purchase until then must be listed too.
        """
        lifetime = self.lifetime or Lifetime()
        if lifetime.refunded_until > as_of:
            return False
        if lifetime.last_at is None or lifetime.last_at <= as_of:
            return True
        if any(day >= day_of(as_of + 1) for day in self.overflow_days):
            return False
        complete_since = max((self.complete_since, *(day + 1 for day in self.overflow_days)))
        edge = complete_since * MICROS_PER_DAY
        return any(edge <= at <= as_of for at in self._counted()) or self._lists_all(lifetime)

    def _counted(self) -> Iterator[int]:
        """The instants of the listed purchases of which something is left."""
        columns = self.purchases
        rows = zip(columns.purchased_at, columns.amount_minor, columns.purchase_id, strict=True)
        for at, amount_minor, purchase_id in rows:
            if not amount_minor or amount_minor > refunded_minor(
                columns.refunds.get(purchase_id, ())
            ):
                yield at

    def _lists_all(self, lifetime: Lifetime) -> bool:
        return sum(1 for _ in self._counted()) == lifetime.purchases

"""One customer's recent purchases, and for which instants they suffice."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.purchases import Purchase
from domain.values import Window, day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentHistory:
    """One customer's purchases, every one since the day `complete_since` but for `overflow_days`.

    `suppressed`: the customer is being erased, or was, and nothing of them is taken.
    """

    customer_id: str
    complete_since: int
    purchases: Sequence[Purchase] = ()
    overflow_days: frozenset[int] = field(default=frozenset())
    suppressed: bool = False

    def answers(self, window: Window, as_of: int) -> bool:
        """Whether (as_of - length, as_of] is complete here; if not, ask the purchase history."""
        return self.covers(after=window.after(as_of), until=as_of)

    def covers(self, *, after: int, until: int) -> bool:
        """Whether (after, until] is complete here; microseconds since the epoch, UTC."""
        first_day, last_day = day_of(after + 1), day_of(until)
        overflows = any(first_day <= day <= last_day for day in self.overflow_days)
        return first_day >= self.complete_since and not overflows

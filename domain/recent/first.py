"""Recent first: a history that asks the small recent item before it asks the purchases by time."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.purchases import Purchase, PurchaseColumns, PurchaseHistory
from domain.recent.shared_reads import SharedReads
from domain.values import day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentFirst:
    """PurchaseHistory: the recent purchases where they are complete, else those by time.

    One item costs the store and us less than a page of an index. A span that starts before
    anything kept is not asked for in vain.
    """

    recent: SharedReads
    by_time: PurchaseHistory

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        """The purchases in (after, until]; see the port."""
        if day_of(after + 1) >= self.recent.complete_since:
            history = await self.recent.one(customer_id)
            if history.covers(after=after, until=until):
                return PurchaseColumns.of(history.purchases).within(after=after, until=until)
        return await self.by_time.between(customer_id, after=after, until=until)

"""Recent first: the small recent item is asked before the purchases by time."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.purchases import Purchase, PurchaseHistory
from domain.recent.shared_reads import SharedReads
from domain.values import Reach, day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentFirst:
    """Reads what must be known of a customer: the recent purchases where they suffice, else by time.

    One item costs the store and us less than a page of an index. A window that starts before
    anything kept is not asked for in vain.
    """

    recent: SharedReads
    by_time: PurchaseHistory

    async def __call__(
        self, customer_id: str, reach: Reach, as_of: int, others: int, /
    ) -> Sequence[Purchase]:
        """The purchases until `as_of`, as far back as that; others may be among them.

        So many `others` are being answered at this moment; with them it may share a read.

        Raises:
            StoreUnavailable: not everything could be read before the deadline.
            CorruptRecord: a stored purchase cannot be read as one.
        """
        if day_of(reach.window.after(as_of) + 1) >= self.recent.complete_since:
            history = await self.recent.one(customer_id, others=others)
            if history.answers(reach, as_of):
                return history.reaching(reach)
        return await ByTime(self.by_time)(customer_id, reach, as_of, others)


@dataclass(frozen=True, slots=True)
class ByTime:
    """Reads what must be known of a customer from the purchases by time alone."""

    history: PurchaseHistory

    async def __call__(
        self, customer_id: str, reach: Reach, as_of: int, _others: int, /
    ) -> Sequence[Purchase]:
        """The purchases until `as_of`, as far back as that; see RecentFirst."""
        return await self.history.between(customer_id, after=reach.after(as_of), until=as_of)

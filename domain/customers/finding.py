"""Find a customer: the newest purchases, and what is kept where there are none."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.customers.ports import CustomerRecords
from domain.purchases import Lifetime, Purchase, PurchaseHistory, customer_id_of
from domain.recent import RecentPurchases
from domain.retention import PurchaseRetention
from domain.values import MICROS_PER_DAY, Clock

MOST = 200
"""Purchases that a person looks through at most."""
_LOOKS_BACK_DAYS = 30
"""How far back is asked first: of somebody who buys very much, that is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCustomer:
    """A customer as found at `as_of`, microseconds since the epoch, UTC.

    `purchases` are the newest first; not `complete`: older ones were left out. `lifetime` are the
    totals of all, if they are known. Erased: nothing is taken until `suppressed_until`. Not `known`:
    nothing at all is kept, and nothing says that anything ever was.
    """

    customer_id: str
    as_of: int
    purchases: Sequence[Purchase]
    complete: bool
    lifetime: Lifetime | None
    suppressed_until: int | None
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCustomer:
    """Reads the newest purchases in a few calls, and all records only where there are none."""

    history: PurchaseHistory
    recent: RecentPurchases
    records: CustomerRecords
    retention: PurchaseRetention
    clock: Clock

    async def __call__(self, customer_id: str, /, *, most: int = MOST) -> FoundCustomer:
        """What is found now.

        Raises:
            InvalidRequest: the id is none that a customer could have.
            StoreUnavailable: not everything could be read before the deadline.
            CorruptRecord: something stored cannot be read.
        """
        customer_id = customer_id_of(customer_id)
        as_of = self.clock()
        newest, complete = await self._newest(customer_id, as_of, most)
        if newest:
            totals = await self.recent.one(customer_id)
            return FoundCustomer(
                customer_id=customer_id,
                as_of=as_of,
                purchases=newest,
                complete=complete,
                lifetime=totals.lifetime,
                suppressed_until=None,
                known=True,
            )
        record = await self.records.of(customer_id)
        kept = record.purchases or record.cancelled or record.waiting or record.suppressed_until
        return FoundCustomer(
            customer_id=customer_id,
            as_of=as_of,
            purchases=(),
            complete=True,
            lifetime=record.lifetime,
            suppressed_until=record.suppressed_until,
            known=bool(kept),
        )

    async def _newest(
        self, customer_id: str, until: int, most: int
    ) -> tuple[Sequence[Purchase], bool]:
        """The newest purchases, the newest first, and whether there are no older ones."""
        oldest = self.retention.taken_after(until)
        edge = max(oldest, until - _LOOKS_BACK_DAYS * MICROS_PER_DAY)
        found = list(await self.history.between(customer_id, after=edge, until=until))
        if len(found) <= most and edge > oldest:
            found[:0] = await self.history.between(customer_id, after=oldest, until=edge)
        return found[: -most - 1 : -1], len(found) <= most

"""Erase a customer: nothing stays, and nothing is taken while the suppression lasts."""

import asyncio
from dataclasses import dataclass

from domain.customers.ports import CampaignEraser, CustomerEraser, Erasure
from domain.purchases import CLOCK_SKEW_US, customer_id_of
from domain.values import MICROS_PER_DAY, Clock, instant

UNFINISHED = instant.parse("9999-12-31T23:59:59Z")
"""Until when a customer is suppressed whose erasure is not complete yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased, when, and until when nothing of the customer is taken.

    It does not name the customer. Instants in microseconds since the epoch, UTC. Of an erasure
    that is not complete the suppression has no end yet. `campaigns_hidden` says whether there are
    campaigns, whose readers do not meet the customer any more.
    """

    erased: Erasure
    at: int
    suppressed_until: int | None
    campaigns_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseCustomer:
    """Erases, and suppresses for so many days, counted from the latest time it was asked for."""

    eraser: CustomerEraser
    clock: Clock
    suppression_days: int
    campaigns: CampaignEraser | None = None

    async def __call__(self, customer_id: str, /) -> Receipt:
        """The receipt; asking again is safe, and finishes what was interrupted.

        Raises:
            InvalidRequest: the id is none that a customer could have.
            StoreUnavailable: nothing may be erased yet; asking again is safe.
        """
        customer_id = customer_id_of(customer_id)
        hidden = False
        if self.campaigns is not None:
            hidden = await asyncio.to_thread(self.campaigns.begin, customer_id, self.clock())
        until = self.clock() + self.suppression_days * MICROS_PER_DAY
        erased = await self.eraser.erase(customer_id, suppressed_until=until)
        if self.campaigns is not None and erased.complete:
            # A process whose clock is ahead may have listed what is erased now.
            until_then = self.clock() + CLOCK_SKEW_US
            await asyncio.to_thread(self.campaigns.finish, customer_id, until_then)
        return Receipt(
            erased=erased,
            at=self.clock(),
            suppressed_until=until if erased.complete else None,
            campaigns_hidden=hidden,
        )

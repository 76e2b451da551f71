"""Erase a customer: nothing stays, and nothing is taken while the suppression lasts."""

import asyncio
from dataclasses import dataclass

from domain.customers.ports import CampaignEraser, CustomerEraser, DecisionEraser, Erasure
from domain.purchases import CLOCK_SKEW_US, customer_id_of
from domain.values import MICROS_PER_DAY, Clock, instant

UNFINISHED = instant.parse("9999-12-31T23:59:59Z")
"""Until when a customer is suppressed whose erasure is not complete yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased, when, and until when nothing of the customer is taken.

    It does not name the customer. Instants in microseconds since the epoch, UTC. Of an erasure
    that is not complete the suppression has no end yet. `decisions_hidden` says whether decisions
    are logged, whose customer nobody is told any more. `campaigns_hidden` says whether there are
    campaigns, whose readers do not meet the customer any more.
    """

    erased: Erasure
    at: int
    suppressed_until: int | None
    decisions_hidden: bool = False
    campaigns_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseCustomer:
    """Erases, and suppresses for so many days, counted from the latest time it was asked for."""

    eraser: CustomerEraser
    clock: Clock
    suppression_days: int
    decisions: DecisionEraser | None = None
    campaigns: CampaignEraser | None = None

    async def __call__(self, customer_id: str, /) -> Receipt:
        """The receipt; asking again is safe, and finishes what was interrupted.

        Raises:
            InvalidRequest: the id is none that a customer could have.
            StoreUnavailable: nothing may be erased yet; asking again is safe.
        """
        customer_id = customer_id_of(customer_id)
        return await self.until(customer_id, self.clock() + self.suppression_days * MICROS_PER_DAY)

    async def until(self, customer_id: str, until: int, /) -> Receipt:
        """The receipt of an erasure whose suppression ends then, microseconds since the epoch, UTC.

        What others keep is hidden first. Where that fails, nothing is erased.

        Raises:
            StoreUnavailable: nothing may be erased yet; asking again is safe.
        """
        if self.decisions is not None:
            await asyncio.to_thread(self.decisions.begin, customer_id, self.clock())
        campaigns_hidden = False
        if self.campaigns is not None:
            campaigns_hidden = await asyncio.to_thread(
                self.campaigns.begin, customer_id, self.clock()
            )
        erased = await self.eraser.erase(customer_id, suppressed_until=until)
        if erased.complete:
            # A process whose clock is ahead may have answered from, or listed, what is erased now.
            until_then = self.clock() + CLOCK_SKEW_US
            if self.decisions is not None:
                await asyncio.to_thread(self.decisions.finish, customer_id, until_then)
            if self.campaigns is not None:
                await asyncio.to_thread(self.campaigns.finish, customer_id, until_then)
        return Receipt(
            erased=erased,
            at=self.clock(),
            suppressed_until=until if erased.complete else None,
            decisions_hidden=self.decisions is not None,
            campaigns_hidden=campaigns_hidden,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedAgain:
    """How many customers are suppressed, of how many something was stored, and is still."""

    suppressed: int
    had_come_back: int
    unfinished: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAgain:
    """Erases whoever is suppressed once more: a restore brings erased customers back.

    Suppressions end when they would have ended. What was interrupted is finished.
    """

    eraser: CustomerEraser
    erase: EraseCustomer
    at_once: int = 16

    async def __call__(self) -> ErasedAgain:
        """What was found; asking again is safe.

        Raises:
            StoreUnavailable: not all are erased; asking again is safe.
        """
        slots = asyncio.Semaphore(self.at_once)
        erased: list[Erasure] = []

        async def one(customer_id: str, until: int) -> None:
            async with slots:
                erased.append(await self._one(customer_id, until))

        async for page in self.eraser.suppressed():
            now = self.erase.clock()
            await asyncio.gather(*(one(*each) for each in page.items() if each[1] > now))
        return ErasedAgain(
            suppressed=len(erased),
            had_come_back=sum(_removed(each) for each in erased),
            unfinished=sum(not each.complete for each in erased),
        )

    async def _one(self, customer_id: str, until: int) -> Erasure:
        if until == UNFINISHED:
            return (await self.erase(customer_id)).erased
        return (await self.erase.until(customer_id, until)).erased


def _removed(erased: Erasure) -> bool:
    return bool(erased.purchases or erased.cancelled or erased.refunds_waiting)

"""Purchases of many customers in spans of time: from the recent ones where these suffice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.audience import Tries, together
from domain.errors import StoreUnavailable
from domain.pacing import AdaptiveLimit, Pacing
from domain.purchases import Purchase, PurchaseHistory, counts, refunded_minor
from domain.recent import BATCH_CUSTOMERS, RecentPurchases


@dataclass(frozen=True, slots=True)
class Span:
    """(after, until] of one customer; microseconds since the epoch, UTC."""

    customer_id: str
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Bought:
    """What of a customer's purchases is left after refunds; money in minor units."""

    purchases: int
    in_category: int
    volume_minor: int

    @classmethod
    def of(cls, purchases: Sequence[Purchase], category: str | None) -> "Bought":
        """That of these purchases; one that was refunded in full is none."""
        left = [purchase for purchase in purchases if counts(purchase)]
        return cls(
            purchases=len(left),
            in_category=sum(purchase.category == category for purchase in left),
            volume_minor=sum(p.amount_minor - refunded_minor(p.refunds) for p in left),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpans:
    """Reads a hundred customers in one round trip; those it cannot answer, from their purchases."""

    recent: RecentPurchases
    history: PurchaseHistory
    pacing: Pacing = field(default_factory=Pacing)
    concurrent_reads: int = 4

    def until(self, deadline_s: float) -> "SpanReader":
        """A reader that gives up after so many seconds."""
        limit = AdaptiveLimit(self.concurrent_reads)
        return SpanReader(self, Tries(self.pacing, self.pacing.seconds() + deadline_s, limit))


@dataclass(frozen=True, slots=True)
class SpanReader:
    """ReadSpans under one deadline, at the pace that the store takes."""

    _reads: ReadSpans
    _tries: Tries

    async def __call__(self, spans: Sequence[Span], category: str | None) -> Mapping[str, Bought]:
        """What each customer bought in their span; who is missing could not be read in time.

        Customers must differ.

        Raises:
            InvalidRequest: a span begins before what is kept.
            StoreUnavailable: trying again cannot help.
            CorruptRecord: a stored purchase cannot be read as one.
        """
        pieces = [
            spans[start : start + BATCH_CUSTOMERS]
            for start in range(0, len(spans), BATCH_CUSTOMERS)
        ]
        found: dict[str, Bought] = {}
        for each in await together(self._piece(piece, category) for piece in pieces):
            found |= each
        return found

    async def _piece(self, spans: Sequence[Span], category: str | None) -> dict[str, Bought]:
        pending = {span.customer_id: span for span in spans}
        found: dict[str, Bought] = {}
        refusals = 0
        while pending and not self._tries.late:
            by_time, read = await self._recent(pending, category)
            found |= read
            if by_time:
                asked = [self._by_time(span, category) for span in by_time]
                found |= {who: what for who, what in await together(asked) if what is not None}
            done = {*read, *(span.customer_id for span in by_time)}
            pending = {who: span for who, span in pending.items() if who not in done}
            if pending:
                await self._tries.pause(refusals)
            refusals = 0 if done else refusals + 1
        return found

    async def _recent(
        self, pending: Mapping[str, Span], category: str | None
    ) -> tuple[list[Span], dict[str, Bought]]:
        """Who must be read by time, and what the others bought; who is in neither was refused."""
        limit = self._tries.limit
        try:
            async with limit.slot():
                batch = await self._reads.recent.read(list(pending))
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
            limit.refused()
            return [], {}
        if batch.unread:
            limit.refused()
        else:
            limit.served()
        by_time: list[Span] = []
        read: dict[str, Bought] = {}
        for history in batch.histories:
            span = pending[history.customer_id]
            if history.covers(after=span.after, until=span.until):
                inside = history.purchases.within(after=span.after, until=span.until)
                read[span.customer_id] = Bought.of(inside, category)
            else:
                by_time.append(span)
        return by_time, read

    async def _by_time(self, span: Span, category: str | None) -> tuple[str, Bought | None]:
        try:
            async with self._tries.limit.slot():
                purchases = await self._tries.until_served(
                    self._reads.history.between,
                    span.customer_id,
                    after=span.after,
                    until=span.until,
                )
        except StoreUnavailable as exc:
            if not exc.transient:
                raise
            return span.customer_id, None
        return span.customer_id, Bought.of(purchases, category)

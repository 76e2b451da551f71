"""Verify: whether the recent purchases are what the truth says, and features alike on both paths."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from domain.errors import StoreUnavailable
from domain.features import FeatureSet, Histories
from domain.purchases import Lifetime, Purchase, PurchaseHistory
from domain.recent import RecentHistory, RecentPurchases, as_listed
from domain.values import BEGINNING, MICROS_PER_DAY, Clock, day_of

_LOOKS = 3
"""Between two reads somebody may buy: a difference is one that stays."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A customer whose recent purchases are not those of the truth, and in what."""

    customer_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRecent:
    """Reads both strongly and compares every purchase, and every feature to the last bit."""

    history: PurchaseHistory
    recent: RecentPurchases
    clock: Clock
    feature_sets: Sequence[FeatureSet]

    async def __call__(self, customers: Sequence[str], /) -> list[Difference]:
        """Every difference of at most a hundred customers.

        Raises:
            StoreUnavailable: not everything could be read.
            CorruptRecord: what is stored is no purchase.
        """
        pending = list(customers)
        differences: list[Difference] = []
        for _ in range(_LOOKS):
            if not pending:
                break
            batch = await self.recent.read(pending)
            if batch.unread:
                raise StoreUnavailable(f"{len(batch.unread)} customers could not be read")
            now = self.clock()
            found = await asyncio.gather(*(self._look(each, now) for each in batch.histories))
            differences = [difference for difference in found if difference is not None]
            pending = [difference.customer_id for difference in differences]
        return differences

    async def _look(self, recent: RecentHistory, now: int) -> Difference | None:
        since = recent.complete_since * MICROS_PER_DAY
        purchases = await self.history.between(
            recent.customer_id,
            after=since - 1 if recent.lifetime is None else BEGINNING,
            until=now + MICROS_PER_DAY,  # writers' clocks may be ahead
        )
        if recent.suppressed and purchases:
            return Difference(
                recent.customer_id,
                f"an erasure is unfinished: {len(purchases)} purchases are left; erase the customer again",
            )
        due = _exact(recent, map(as_listed, purchases))
        recent_rows = _exact(recent, recent.purchases)
        if recent_rows != due:
            what = f"missing {len(due - recent_rows)}, surplus {len(recent_rows - due)} of {len(due)} purchases"
            return Difference(recent.customer_id, what)
        if recent.lifetime is not None and (what := _totals(recent.lifetime, purchases)):
            return Difference(recent.customer_id, what)
        categories = {purchase.category for purchase in purchases}
        for features in self.feature_sets:
            if recent.answers(features.reach, now):
                listed = Histories.of([recent.reaching(features.reach)])
                everything = Histories.of([purchases])
                for target in categories if features.targeted else (None,):
                    one = features.matrix(listed, now, target=target)
                    other = features.matrix(everything, now, target=target)
                    if one.tobytes() != other.tobytes():
                        return Difference(
                            recent.customer_id, f"features {', '.join(features.names)}"
                        )
        return None


def _totals(lifetime: Lifetime, purchases: Sequence[Purchase]) -> str:
    """In what the totals are not those of all purchases; empty: they are.

    The latest refund may have been of a purchase that was cancelled since.
    """
    due = Lifetime.of(purchases)
    due = replace(due, refunded_until=max(due.refunded_until, lifetime.refunded_until))
    lifetime, due = (replace(each, categories=each.bought) for each in (lifetime, due))
    wrong = [
        f"{each.name} {getattr(lifetime, each.name)!r} instead of {getattr(due, each.name)!r}"
        for each in fields(Lifetime)
        if getattr(lifetime, each.name) != getattr(due, each.name)
    ]
    return "totals: " + ", ".join(wrong) if wrong else ""


def _exact(recent: RecentHistory, purchases: Iterable[Purchase]) -> set[Purchase]:
    """Those of the days that the recent purchases answer for."""
    return {
        purchase
        for purchase in purchases
        if (day := day_of(purchase.purchased_at)) >= recent.complete_since
        and day not in recent.overflow_days
    }

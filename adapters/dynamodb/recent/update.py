"""What a write changes in a customer's recent item: listed purchases and totals."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from adapters.dynamodb.recent.totals import TotalsChange
from adapters.dynamodb.schema import day_attribute, day_capacity, encode_elements, refund_element
from domain.purchases import Purchase, Refund
from domain.retention import Retention
from domain.values import day_of

Item: TypeAlias = Mapping[str, Any]
Elements: TypeAlias = Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentUpdate:
    """What one transaction changes in a customer's recent item, unless the customer is suppressed.

    The first try depends on no read. Conditions say what it takes for granted. Each day's set has
    room. The write comes in order. The last one was not too long ago for old days to be removed
    unseen. Where one does not hold, the item comes back, and `on` makes the update for what is
    `stored`, and for nothing else: each write counts `writes` up.

    `named` are the categories of what is added: elements have numbers only, and the item the names.
    `ends` are the first and last instants of all purchases afterwards, where something goes.
    """

    customer_id: str
    now: int
    retention: Retention
    added: Elements = field(default_factory=dict[int, Sequence[str]])
    removed: Elements = field(default_factory=dict[int, Sequence[str]])
    named: Sequence[str] = ()
    totals: TotalsChange | None = None
    ends: tuple[int | None, int | None] | None = None
    stored: Item | None = None

    @classmethod
    def of_purchases(
        cls, purchases: Sequence[Purchase], *, now: int, retention: Retention
    ) -> "RecentUpdate":
        """The update for these purchases of one customer, with the refunds that waited for them."""
        added = ((day_of(p.purchased_at), encode_elements(p)) for p in purchases)
        return cls(
            customer_id=purchases[0].customer_id,
            now=now,
            retention=retention,
            added=_kept(added, retention, now),
            named=tuple(dict.fromkeys(purchase.category for purchase in purchases)),
            totals=_counted(retention, TotalsChange.adding(purchases)),
        )

    @classmethod
    def of_refund(
        cls, purchase: Purchase, refund: Refund, *, now: int, retention: Retention
    ) -> "RecentUpdate":
        """The update for a refund of a purchase that is stored."""
        element = refund_element(purchase.purchase_id, refund)
        return cls(
            customer_id=purchase.customer_id,
            now=now,
            retention=retention,
            added=_kept([(day_of(purchase.purchased_at), [element])], retention, now),
            totals=_counted(retention, TotalsChange.refunding(purchase, refund)),
        )

    @classmethod
    def of_cancellation(
        cls, purchase: Purchase, *, now: int, retention: Retention
    ) -> "RecentUpdate":
        """The update for a purchase that is stored, and never was.

        It is a write as any other, of a customer without an item too: whatever else depends on the
        last write goes on to hold. Of a day with an overflow mark that stays.
        """
        removed = [(day_of(purchase.purchased_at), encode_elements(purchase))]
        return cls(
            customer_id=purchase.customer_id,
            now=now,
            retention=retention,
            removed=_kept(removed, retention, now),
            totals=_counted(retention, TotalsChange.removing(purchase)),
        )

    def on(self, stored: Item | None) -> "RecentUpdate":
        """The same for an item that was read, `{}` where there is none; None: it was not."""
        return self if stored is self.stored else replace(self, stored=stored)

    @property
    def changes(self) -> bool:
        """Whether the item changes at all; if not, only a suppression counts."""
        return bool(self.added or self.removed or self.totals)

    @property
    def crowded(self) -> frozenset[int]:
        """The days whose sets cannot take what is added here: they are marked instead."""
        stored = self.stored or {}
        return frozenset(
            day
            for day, elements in self.added.items()
            if overflows(elements, self.retention)
            or len(stored.get(day_attribute(day), {}).get("BS", ())) > self.room_before(day)
        )

    def room_before(self, day: int) -> int:
        """How many elements a day's set may hold before this update."""
        return day_capacity(self.retention.days) - len(self.added[day])


def overflows(elements: Collection[str], retention: Retention) -> bool:
    """Whether these are too many for a day's set."""
    return len(elements) > day_capacity(retention.days)


def _kept(
    elements: Iterable[tuple[int, Sequence[str]]], retention: Retention, now: int
) -> Elements:
    """The elements by day, without days that are too old to keep."""
    oldest = retention.oldest_day(now)
    kept: dict[int, list[str]] = defaultdict(list)
    for day, some in elements:
        if day >= oldest:
            kept[day] += some
    return kept


def _counted(retention: Retention, change: TotalsChange) -> TotalsChange | None:
    """No totals outlive the purchases: where those are not kept for ever, none are written."""
    return change if retention.purchases.days is None else None

"""What a write changes in a customer's recent item: listed purchases and totals."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_
from typing import Any, TypeAlias

from pynamodb.exceptions import CancellationReason
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from adapters.dynamodb.recent.suppression import is_taken
from adapters.dynamodb.recent.totals import TotalsChange
from adapters.dynamodb.schema import (
    MAX_ELEMENT_BYTES,
    OVERFLOW,
    REFUND,
    IntegerAttribute,
    day_attribute,
    day_capacity,
    encode_elements,
    kept_attribute,
    refund_element,
)
from domain.purchases import Purchase, Refund
from domain.retention import Retention
from domain.values import MICROS_PER_DAY, day_of, to_datetime

Item: TypeAlias = Mapping[str, Any]
Elements: TypeAlias = Mapping[int, Sequence[str]]
_Reason: TypeAlias = CancellationReason | None
LAG_DAYS = 7
"""How much longer than a customer's days are kept the next write may come and remove them unseen.

TTL, where there is one, drops an item that much later than promised; AWS speaks of a few days.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentUpdate:
    """What one transaction changes in a customer's recent item, unless the customer is suppressed.

    The first try depends on no read. Conditions say what it takes for granted. Each day's set has
    room. The write comes in order. The last one was not too long ago for old days to be removed
    unseen. Where one does not hold, the item comes back, and `on` makes the update for what is
    `stored`, and for nothing else: each write counts `writes` up.

    `ends` are the first and last instants of all purchases afterwards, where something goes.
    """

    customer_id: str
    now: int
    retention: Retention
    added: Elements = field(default_factory=dict[int, Sequence[str]])
    removed: Elements = field(default_factory=dict[int, Sequence[str]])
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
        return replace(self, stored=stored)

    @property
    def changes(self) -> bool:
        """Whether the item changes at all; if not, only a suppression counts."""
        return bool(self.added or self.removed or self.totals)

    def add_to(self, transaction: TransactWrite, model: type[Any]) -> None:
        """Puts this into the transaction; an update refused comes back with the stored item."""
        if not self.changes:
            # But a purchase must not slip past an erasure.
            transaction.condition_check(
                model, self.customer_id, condition=is_taken(model, self.now)
            )
            return
        transaction.update(
            model(self.customer_id),
            actions=self._actions(model),
            condition=reduce(and_, self._conditions(model), is_taken(model, self.now)),
            return_values="ALL_OLD",
        )

    def sorted_out(self, reasons: Sequence[_Reason]) -> tuple[Sequence[_Reason], _Reason]:
        """Why a transaction was cancelled: by each of its purchases, and by this.

        PynamoDB sends checks first, then puts, then updates.
        """
        if not reasons:
            return (), None
        return (reasons[:-1], reasons[-1]) if self.changes else (reasons[1:], reasons[0])

    def _actions(self, model: type[Any]) -> list[Action]:
        crowded = self._crowded()
        added = {day: [OVERFLOW] if day in crowded else self.added[day] for day in self.added}
        return [
            *write_actions(model, day_of(self.now), self.retention),
            *self._forgetting(),
            *(Path(day_attribute(day)).add({"SS": elements}) for day, elements in added.items()),
            *(
                Path(day_attribute(day)).delete({"SS": elements})
                for day, elements in self.removed.items()
            ),
            *self._totalling(model),
        ]

    def _conditions(self, model: type[Any]) -> Iterator[Condition]:
        if self.stored is not None:
            yield unchanged(model.writes, self.stored)
            return
        for day in self.added.keys() - self._crowded():
            path = Path(day_attribute(day))
            count = size(path)  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
            yield path.does_not_exist() | (count <= self._room_before(day))
        if self.totals is not None:
            yield from self.totals.in_order(model)
            kept = Path(kept_attribute(self.retention.days))
            lately = day_of(self.now) - self.retention.days - LAG_DAYS
            yield model.purchases.does_not_exist() | (kept >= {"N": str(lately)})

    def _crowded(self) -> frozenset[int]:
        """The days whose sets cannot take what is added here: they are marked instead."""
        stored = self.stored or {}
        return frozenset(
            day
            for day, elements in self.added.items()
            if overflows(elements, self.retention)
            or len(stored.get(day_attribute(day), {}).get("SS", ())) > self._room_before(day)
        )

    def _room_before(self, day: int) -> int:
        """How many elements a day's set may hold before this update."""
        return day_capacity(self.retention.days) - len(self.added[day])

    def _forgetting(self) -> list[Action]:
        """Removes the days that are not kept: those seen, or all that may be there unseen."""
        oldest = self.retention.oldest_day(self.now)
        if self.stored is None:
            unseen = range(oldest - self.retention.days - LAG_DAYS, oldest)
            return [Path(day_attribute(day)).remove() for day in unseen]
        return [
            Path(name).remove()
            for name in self.stored
            if name[:1] == "d" and name[1:].isdecimal() and int(name[1:]) < oldest
        ]

    def _totalling(self, model: type[Any]) -> list[Action]:
        if self.totals is None:  # who reads them a moment later must not take them for true
            return [model.purchases.remove()]
        if self.stored is None:
            return self.totals.blind_actions(model)
        return self.totals.actions_on(model, self.stored, self.ends)


def overflows(elements: Collection[str], retention: Retention) -> bool:
    """Whether a day's set cannot take these: too many, or one too long for its share of the item."""
    return len(elements) > day_capacity(retention.days) or any(
        len(element.encode()) > MAX_ELEMENT_BYTES for element in elements if element[0] == REFUND
    )


def write_actions(model: type[Any], today: int, retention: Retention) -> list[Action]:
    """What every write of a recent item does: who, for how long, and that there was one."""
    expires = (today + retention.days + 1) * MICROS_PER_DAY
    for_ever = retention.purchases.days is None
    return [
        model.expires_at.remove() if for_ever else model.expires_at.set(to_datetime(expires)),
        model.suppressed_until.remove(),
        Path(kept_attribute(retention.days)).set({"N": str(today)}),
        Path(model.writes).add({"N": "1"}),
    ]


def unchanged(attribute: IntegerAttribute, stored: Item) -> Condition:
    """That an attribute is as it was when the item was read."""
    path = Path(attribute)
    value = stored.get(attribute.attr_name)
    return path.does_not_exist() if value is None else path == value


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

"""What writing purchases changes in a customer's recent item."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any, TypeAlias

from pynamodb.exceptions import CancellationReason
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from adapters.dynamodb.recent.suppression import is_suppressed, is_taken
from adapters.dynamodb.schema import (
    MAX_ELEMENT_BYTES,
    OVERFLOW,
    REFUND,
    day_attribute,
    day_capacity,
    encode_elements,
    kept_attribute,
)
from domain.purchases import Purchase
from domain.retention import Retention
from domain.values import MICROS_PER_DAY, day_of, to_datetime

_Reason: TypeAlias = CancellationReason | None
TTL_LAG_DAYS = 7
"""How much later than promised TTL may drop an item; AWS speaks of a few days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentUpdate:
    """What one transaction changes in a customer's recent item, unless the customer is suppressed.

    Adding to a set is idempotent. Old days are removed blindly. An item expires `days` after its
    last write, and each write removes days that are too old. So no older day can remain outside the
    removed range. (A rebuild reads the item, so it removes exactly what it sees.)
    """

    customer_id: str
    elements: Mapping[int, Sequence[str]]
    oldest_day: int
    now: int
    retention: Retention
    crowded: frozenset[int]

    @classmethod
    def of(
        cls,
        customer_id: str,
        added: Iterable[tuple[int, Sequence[str]]],
        *,
        now: int,
        retention: Retention,
        crowded: frozenset[int] = frozenset(),
    ) -> "RecentUpdate":
        """The update that adds elements to days; only a check when all days are too old to keep.

        Days in `crowded`, and those with more here than a set takes, are marked as overflowing
        instead of holding their elements.
        """
        oldest_day = retention.oldest_day(now)
        elements: dict[int, list[str]] = defaultdict(list)
        for day, some in added:
            if day >= oldest_day:
                elements[day] += some
        return cls(
            customer_id=customer_id,
            elements=elements,
            oldest_day=oldest_day,
            now=now,
            retention=retention,
            crowded=crowded | {day for day, each in elements.items() if overflows(each, retention)},
        )

    @classmethod
    def of_purchases(
        cls,
        purchases: Sequence[Purchase],
        *,
        now: int,
        retention: Retention,
        crowded: frozenset[int] = frozenset(),
    ) -> "RecentUpdate":
        """The update for these purchases of one customer, with the refunds that waited for them."""
        added = ((day_of(p.purchased_at), encode_elements(p)) for p in purchases)
        return cls.of(
            purchases[0].customer_id, added, now=now, retention=retention, crowded=crowded
        )

    def add_to(self, transaction: TransactWrite, model: type[Any]) -> None:
        """Puts this into the transaction; an update refused comes back with the stored item.

        It is refused because the customer is suppressed, or for want of room.
        """
        if not self.elements:
            # Nothing changes, but a purchase must not slip past an erasure.
            transaction.condition_check(
                model, self.customer_id, condition=is_taken(model, self.now)
            )
            return
        transaction.update(
            model(self.customer_id),
            actions=self._actions(model),
            condition=reduce(and_, self._rooms(), is_taken(model, self.now)),
            return_values="ALL_OLD",
        )

    def sorted_out(self, reasons: Sequence[_Reason]) -> tuple[Sequence[_Reason], _Reason]:
        """Why a transaction was cancelled: by each of its purchases, and by this.

        PynamoDB sends checks first, then puts, then updates.
        """
        if not reasons:
            return (), None
        return (reasons[:-1], reasons[-1]) if self.elements else (reasons[1:], reasons[0])

    def suppressed(self, reason: _Reason) -> bool:
        """Whether this was refused because the customer is suppressed.

        Where the stored item does not tell, it was if no room was asked for.
        """
        return is_suppressed(_stored(reason), self.now) or self.elements.keys() <= self.crowded

    def without_room(self, reason: _Reason) -> frozenset[int]:
        """The days whose stored sets have no room for what is added here.

        All days in question where the stored item does not tell, such as when it is empty.
        """
        stored = _stored(reason)
        requested = self.elements.keys() - self.crowded
        full = {
            day
            for day in requested
            if len(stored.get(day_attribute(day), {}).get("SS", ())) > self._room_before(day)
        }
        return frozenset(full or requested)

    def _room_before(self, day: int) -> int:
        """How many elements a day's set may hold before this update."""
        return day_capacity(self.retention.days) - len(self.elements[day])

    def _actions(self, model: type[Any]) -> list[Action]:
        added = {
            day: [OVERFLOW] if day in self.crowded else elements
            for day, elements in self.elements.items()
        }
        return [
            *write_actions(model, day_of(self.now), self.retention),
            *forget_actions(self.oldest_day, self.retention),
            *(Path(day_attribute(day)).add({"SS": elements}) for day, elements in added.items()),
        ]

    def _rooms(self) -> Iterator[Condition]:
        """That every day's set has room for what is added; an overflow mark always fits."""
        for day in self.elements.keys() - self.crowded:
            path = Path(day_attribute(day))
            count = size(path)  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
            yield path.does_not_exist() | (count <= self._room_before(day))


def overflows(elements: Collection[str], retention: Retention) -> bool:
    """Whether a day's set cannot take these: too many, or one too long for its share of the item."""
    return len(elements) > day_capacity(retention.days) or any(
        len(element.encode()) > MAX_ELEMENT_BYTES for element in elements if element[0] == REFUND
    )


def write_actions(model: type[Any], today: int, retention: Retention) -> list[Action]:
    """What every write of a recent item does: who, for how long, and that there was one."""
    expires = (today + retention.days + 1) * MICROS_PER_DAY
    return [
        model.expires_at.set(to_datetime(expires)),
        model.suppressed_until.remove(),
        Path(kept_attribute(retention.days)).set({"N": str(today)}),
        Path(model.writes).add({"N": "1"}),
    ]


def forget_actions(oldest_day: int, retention: Retention) -> list[Action]:
    """Removes every day before `oldest_day` that an item may still hold."""
    removed = range(oldest_day - retention.days - TTL_LAG_DAYS, oldest_day)
    return [Path(day_attribute(day)).remove() for day in removed]


def _stored(reason: _Reason) -> Mapping[str, Any]:
    return (reason and reason.raw_item) or {}

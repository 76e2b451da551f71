"""An update of a recent item as a part of a transaction.

Updates that depend on no read differ in names and values only. So their expressions are serialised
once, of slots for both.
"""

from collections.abc import Iterator
from functools import lru_cache, reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from adapters.dynamodb.recent.suppression import is_taken
from adapters.dynamodb.recent.totals import TotalsChange, TotalsShape
from adapters.dynamodb.recent.update import Item, RecentUpdate
from adapters.dynamodb.schema import (
    OVERFLOW,
    Expression,
    IntegerAttribute,
    RecentRow,
    day_attribute,
    item_of,
    kept_attribute,
    keyed,
)
from domain.retention import Retention
from domain.values import MICROS_PER_DAY, day_of, to_datetime

LAG_DAYS = 7
"""How much longer than a customer's days are kept the next write may come and remove them unseen.

TTL, where there is one, drops an item that much later than promised; AWS speaks of a few days.
"""
_NOW = "<now>"
_DAY, _ELEMENTS, _ROOM = "<day {}>", "<elements {}>", "<room {}>"
_ROOM_FOR_A_MARK = 1_000_000_000
_REFUSED = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def part_of(update: RecentUpdate, model: type[Any]) -> dict[str, Any]:
    """What it is in a transaction; an update refused comes back with the stored item."""
    key = item_of(model, customer_id=update.customer_id)
    if not update.changes:
        # But a purchase must not slip past an erasure.
        check = Expression(condition=is_taken(model, update.now))
        return {"ConditionCheck": keyed(model, key, **check.filled())}
    expressions = _unseen(update) if update.stored is None else _seen(update, model)
    return {"Update": keyed(model, key, **expressions, **_REFUSED)}


def _unseen(update: RecentUpdate) -> dict[str, Any]:
    """The expressions of an update of an item that was not read. Nothing is removed from such a one."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {_NOW: str(update.now)}
    crowded = update.crowded
    for number, (day, elements) in enumerate(update.added.items()):
        room = _ROOM_FOR_A_MARK if day in crowded else update.room_before(day)
        names[_DAY.format(number)] = day_attribute(day)
        values[_ELEMENTS.format(number)] = [OVERFLOW] if day in crowded else elements
        values[_ROOM.format(number)] = str(room)
    change = update.totals or TotalsChange.naming(update.named)
    expression = _with_slots(update.retention, day_of(update.now), len(names), change.shape)
    return expression.filled(names=names | change.names, values=values | change.values)


@lru_cache(maxsize=256)
def _with_slots(retention: Retention, today: int, days: int, shape: TotalsShape) -> Expression:
    """The expression of every update that adds to so many days."""
    model, change = RecentRow, TotalsChange.of_slots(shape)
    counted = retention.purchases.days is None
    oldest = today - retention.days
    return Expression(
        condition=reduce(and_, _promises(retention, today, days, change if counted else None)),
        actions=[
            *write_actions(model, today, retention),
            *(
                Path(day_attribute(day)).remove()
                for day in range(oldest - retention.days - LAG_DAYS, oldest)
            ),
            *(Path(_DAY.format(n)).add({"BS": _ELEMENTS.format(n)}) for n in range(days)),
            *(change.blind_actions(model) if counted else _no_totals(model, change)),
        ],
    )


def _promises(
    retention: Retention, today: int, days: int, totals: TotalsChange | None
) -> Iterator[Condition]:
    """What an update takes for granted of an item that was not read."""
    yield is_taken(RecentRow, _NOW)
    for number in range(days):
        path = Path(_DAY.format(number))
        count = size(path)  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
        yield path.does_not_exist() | (count <= {"N": _ROOM.format(number)})
    if totals is not None:
        yield from totals.in_order(RecentRow)
        kept = Path(kept_attribute(retention.days))
        lately = today - retention.days - LAG_DAYS
        yield RecentRow.purchases.does_not_exist() | (kept >= {"N": str(lately)})


def _seen(update: RecentUpdate, model: type[Any]) -> dict[str, Any]:
    """The expressions of an update of the item that was read, and of no other."""
    stored, crowded = update.stored or {}, update.crowded
    oldest = update.retention.oldest_day(update.now)
    expression = Expression(
        condition=is_taken(model, update.now) & unchanged(model.writes, stored),
        actions=[
            *write_actions(model, day_of(update.now), update.retention),
            *(Path(name).remove() for name in stored if is_day(name) and int(name[1:]) < oldest),
            *(
                Path(day_attribute(day)).add({"BS": [OVERFLOW] if day in crowded else elements})
                for day, elements in update.added.items()
            ),
            *(
                Path(day_attribute(day)).delete({"BS": elements})
                for day, elements in update.removed.items()
            ),
            *(
                _no_totals(model, TotalsChange.naming(update.named))
                if update.totals is None
                else update.totals.actions_on(model, stored, update.ends)
            ),
        ],
    )
    return expression.filled()


def _no_totals(model: type[Any], names: TotalsChange) -> list[Action]:
    """Who reads them a moment later must not take them for true; categories are named all the same."""
    return [model.purchases.remove(), *names.counts()]


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


def is_day(name: str) -> bool:
    """Whether an attribute of this name holds a day's set."""
    return name[:1] == "d" and name[1:].isdecimal()

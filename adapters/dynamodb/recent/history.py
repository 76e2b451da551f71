"""What one customer's recent item tells."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from adapters.dynamodb.recent.marks import Marks
from adapters.dynamodb.recent.suppression import SUPPRESSED, is_suppressed
from adapters.dynamodb.recent.totals import totals_of
from adapters.dynamodb.schema import (
    CATEGORY_COUNT,
    KEPT,
    OVERFLOW,
    RecentRow,
    category_of,
    day_attribute,
    decode_days,
    kept_attribute,
)
from domain.errors import CorruptRecord
from domain.purchases import Lifetime
from domain.recent import RecentHistory
from domain.retention import Retention
from domain.values import MICROS_PER_DAY

_OTHER_ATTRIBUTES = frozenset(each.attr_name for each in RecentRow.get_attributes().values())


def recent_history(
    customer_id: str, item: Mapping[str, Any], retention: Retention, marks: Marks, now: int
) -> RecentHistory:
    """What a recent item, empty where there is none, tells at an instant.

    `marks` tell when somebody last wrote with shorter retentions, and whether totals are kept; an item
    tells itself with which retention it was written, for as long as it is there.

    Raises:
        CorruptRecord: an attribute or an element of it cannot be read.
    """
    complete_since = unless_shorter(item, retention, marks, now)
    categories: list[str] = []
    sets: dict[int, Sequence[str]] = {}
    overflow_days: set[int] = set()
    for name, value in item.items():
        meaning = meaning_of(name)
        if meaning is None:
            continue
        if isinstance(meaning, str):
            categories.append(meaning)
        elif isinstance(meaning, Retention):
            complete_since = max(complete_since, kept_since(meaning, value))
        else:
            found = elements_in(name, value)
            if OVERFLOW in found:
                overflow_days.add(meaning)
                found = [element for element in found if element != OVERFLOW]
            sets[meaning] = found
    purchases, unclear_days = decode_days(sets, categories, customer_id=customer_id)
    suppressed = is_suppressed(item, now)
    lifetime = None
    if marks.totals:
        lifetime = Lifetime() if not item or SUPPRESSED in item else totals_of(item)
    return RecentHistory(
        customer_id=customer_id,
        complete_since=complete_since,
        lifetime=lifetime,
        purchases=purchases,
        overflow_days=unclear_days.union(overflow_days),
        suppressed=suppressed,
    )


@lru_cache(maxsize=10_000)
def meaning_of(name: str) -> int | str | Retention | None:
    """What an attribute is of: a UTC day's set, a category, a retention, or something else.

    Raises:
        CorruptRecord: no attribute of a recent item has this name.
    """
    if name in _OTHER_ATTRIBUTES:
        return None
    if name.startswith(CATEGORY_COUNT):
        return category_of(name)
    number = name[1:]
    if not number.isdecimal() or name not in {
        kept_attribute(int(number)),
        day_attribute(int(number)),
    }:
        raise CorruptRecord(
            f"attribute {name!r} of a recent item is no day's set, and no retention"
        )
    return Retention(int(number)) if name[0] == KEPT else int(number)


def elements_in(name: str, value: Mapping[str, Any]) -> Sequence[str]:
    """The elements of a day's set."""
    try:
        elements: Sequence[str] = value["BS"]
    except KeyError as exc:
        raise CorruptRecord(f"attribute {name!r} of a recent item is no day's set") from exc
    return elements


def unless_shorter(item: Mapping[str, Any], retention: Retention, marks: Marks, now: int) -> int:
    """The oldest day that is complete, unless the item itself was written with a shorter retention."""
    if marks.totals and not item:  # never bought, or erased: without TTL no item disappears
        return retention.complete_since(now)
    elsewhere = {
        days: last for days, last in marks.shorter.items() if kept_attribute(days) not in item
    }
    return retention.complete_for_all(now, elsewhere)


def kept_since(retention: Retention, value: Mapping[str, str]) -> int:
    """The oldest day that is complete after an item's last write with a retention."""
    try:
        return _complete_since(retention, value["N"])
    except (KeyError, ValueError) as exc:
        name = kept_attribute(retention.days)
        raise CorruptRecord(f"attribute {name!r} of a recent item is no retention") from exc


@lru_cache(maxsize=10_000)
def _complete_since(retention: Retention, day: str) -> int:
    return retention.complete_since(int(day) * MICROS_PER_DAY)

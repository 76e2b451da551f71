"""The totals in a customer's recent item: written with every purchase, and read with it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from adapters.dynamodb.schema import (
    CATEGORY_COUNT,
    RecentRow,
    category_attribute,
    category_of,
    why_unreadable,
)
from domain.purchases import Lifetime, Purchase, Refund, counts
from domain.values import BEGINNING

Item = Mapping[str, Any]
TotalsShape: TypeAlias = tuple[int, bool, bool]
"""Of how many categories, whether with instants, whether with a refund."""
_COUNTED, _COUNT = "<category {}>", "<count {}>"
_SLOTS = ("<purchases>", "<volume>", "<first>", "<last>", "<refunded>")
PURCHASES: str = RecentRow.purchases.attr_name
VOLUME: str = RecentRow.volume_minor.attr_name
FIRST: str = RecentRow.first_at.attr_name
LAST: str = RecentRow.last_at.attr_name
REFUNDED: str = RecentRow.refunded_until.attr_name


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsChange:
    """What a write changes in the totals of one customer.

    Sums are added blindly. For the first and last instants a condition says that the write comes in
    order, as most do. Where it does not hold, the item that was stored is known, and the next try
    depends on nothing else. `first_at` and `last_at` are of what is added.
    """

    purchases: int = 0
    volume_minor: int = 0
    first_at: int | None = None
    last_at: int | None = None
    refunded_until: int = BEGINNING
    categories: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def adding(cls, purchases: Sequence[Purchase]) -> "TotalsChange":
        """These purchases come, with the refunds that waited for them."""
        total = Lifetime.of(purchases)
        return cls(
            purchases=total.purchases,
            volume_minor=total.volume_minor,
            first_at=total.first_at,
            last_at=total.last_at,
            refunded_until=total.refunded_until,
            categories=dict.fromkeys((p.category for p in purchases), 0) | dict(total.categories),
        )

    @classmethod
    def naming(cls, categories: Iterable[str]) -> "TotalsChange":
        """Nothing is counted; the item only names these categories."""
        return cls(categories=dict.fromkeys(categories, 0))

    @classmethod
    def removing(cls, purchase: Purchase) -> "TotalsChange":
        """This purchase goes; the refunds were, so the latest one stays."""
        total = Lifetime.of([purchase])
        return cls(
            purchases=-total.purchases,
            volume_minor=-total.volume_minor,
            categories={category: -count for category, count in total.categories.items()},
        )

    @classmethod
    def refunding(cls, purchase: Purchase, refund: Refund) -> "TotalsChange":
        """So much of a purchase is given back; of the whole, and it counts no more."""
        after = replace(purchase, refunds=(*purchase.refunds, refund))
        change = cls(volume_minor=-refund.amount_minor, refunded_until=refund.refunded_at)
        if counts(after):
            return change
        return replace(change, purchases=-1, categories={purchase.category: -1})

    @classmethod
    def of_slots(cls, shape: TotalsShape) -> "TotalsChange":
        """What has slots for the names and values of every change of this shape."""
        categories, dated, refunded = shape
        slots: list[Any] = list(_SLOTS)
        counts: dict[str, Any] = {_COUNTED.format(n): _COUNT.format(n) for n in range(categories)}
        return cls(
            purchases=slots[0],
            volume_minor=slots[1],
            first_at=slots[2] if dated else None,
            last_at=slots[3] if dated else None,
            refunded_until=slots[4] if refunded else BEGINNING,
            categories=counts,
        )

    @property
    def shape(self) -> TotalsShape:
        """In what the actions of two changes differ beside names and values."""
        return len(self.categories), self.first_at is not None, self.refunded_until != BEGINNING

    @property
    def names(self) -> dict[str, str]:
        """The names that fill the slots."""
        return {
            category_attribute(_COUNTED.format(n)): category_attribute(category)
            for n, category in enumerate(self.categories)
        }

    @property
    def values(self) -> dict[str, str]:
        """What the values of the slots hold."""
        numbers = (self.purchases, self.volume_minor, self.first_at, self.last_at)
        filled = {slot: str(number) for slot, number in zip(_SLOTS, numbers, strict=False)}
        filled[_SLOTS[4]] = str(self.refunded_until)
        counts = enumerate(self.categories.values())
        return filled | {_COUNT.format(n): str(count) for n, count in counts}

    def blind_actions(self, model: type[Any]) -> list[Action]:
        """What changes if the write comes in order."""
        actions = list(self._sums(model))
        if self.first_at is not None and self.last_at is not None:
            actions.append(model.first_at.set(model.first_at | self.first_at))
            actions.append(model.last_at.set(self.last_at))
        if self.refunded_until != BEGINNING:
            actions.append(model.refunded_until.set(self.refunded_until))
        return actions

    def in_order(self, model: type[Any]) -> Iterator[Condition]:
        """That the write comes in order: what is stored is not newer, and not older than its first."""
        if self.first_at is not None:
            yield model.last_at.does_not_exist() | (
                (model.last_at <= self.last_at) & (model.first_at <= self.first_at)
            )
        if self.refunded_until != BEGINNING:
            yield model.refunded_until.does_not_exist() | (
                model.refunded_until <= self.refunded_until
            )

    def actions_on(
        self, model: type[Any], stored: Item, ends: tuple[int | None, int | None] | None
    ) -> list[Action]:
        """What changes in the item that is stored, and in no other.

        `ends` are the first and last instants afterwards, where something goes.
        """
        actions = list(self._sums(model))
        first, last = ends or (
            _extreme(min, _integer(stored, FIRST), self.first_at),
            _extreme(max, _integer(stored, LAST), self.last_at),
        )
        for attribute, value in ((model.first_at, first), (model.last_at, last)):
            actions.append(attribute.remove() if value is None else attribute.set(value))
        if self.refunded_until > (_integer(stored, REFUNDED) or BEGINNING):
            actions.append(model.refunded_until.set(self.refunded_until))
        return actions

    def _sums(self, model: type[Any]) -> Iterator[Action]:
        yield Path(model.purchases).add({"N": str(self.purchases)})
        yield Path(model.volume_minor).add({"N": str(self.volume_minor)})
        yield from self.counts()

    def counts(self) -> Iterator[Action]:
        """What counts the purchases of each category, and so names it."""
        for category, count in self.categories.items():
            yield Path([category_attribute(category)]).add({"N": str(count)})


def totals_of(item: Item) -> Lifetime | None:
    """The totals that a recent item holds; None: it holds none.

    Raises:
        CorruptRecord: one of them is no number.
    """
    if PURCHASES not in item:
        return None
    try:
        return Lifetime(
            purchases=int(item[PURCHASES]["N"]),
            volume_minor=int(item[VOLUME]["N"]),
            first_at=_integer(item, FIRST),
            last_at=_integer(item, LAST),
            refunded_until=int(item[REFUNDED]["N"]) if REFUNDED in item else BEGINNING,
            categories={
                category_of(name): int(value["N"])
                for name, value in item.items()
                if name.startswith(CATEGORY_COUNT)
            },
        )
    except (KeyError, ValueError) as exc:
        raise why_unreadable("a customer's totals", exc) from exc


def total_changes(stored: Item, due: Lifetime | None, named: Iterable[str]) -> list[Action]:
    """What makes the totals of a stored item those that are due; nothing: they are.

    It names these categories, whether their purchases are counted or not.
    """
    has = {name: value for name, value in stored.items() if _is_total(name)}
    names, none = list(map(category_attribute, named)), {"N": "0"}
    wanted: dict[str, Any] = {name: has.get(name, none) for name in names}
    if due is not None:
        wanted = dict.fromkeys(names, none)
        # What a purchase left that was cancelled since is not wrong.
        wanted |= {name: value for name, value in has.items() if _is_left_over(name, value)}
        if REFUNDED in has:
            due = replace(due, refunded_until=max(due.refunded_until, int(has[REFUNDED]["N"])))
        wanted |= _written(due)
    return [
        *(Path([name]).set(value) for name, value in wanted.items() if has.get(name) != value),
        *(Path([name]).remove() for name in has.keys() - wanted.keys()),
    ]


def _written(lifetime: Lifetime) -> dict[str, dict[str, str]]:
    numbers: dict[str, int] = {
        PURCHASES: lifetime.purchases,
        VOLUME: lifetime.volume_minor,
        **{category_attribute(name): count for name, count in lifetime.categories.items()},
    }
    if lifetime.first_at is not None and lifetime.last_at is not None:
        numbers |= {FIRST: lifetime.first_at, LAST: lifetime.last_at}
    if lifetime.refunded_until != BEGINNING:
        numbers[REFUNDED] = lifetime.refunded_until
    return {name: {"N": str(number)} for name, number in numbers.items()}


def _is_left_over(name: str, value: Mapping[str, str]) -> bool:
    return name.startswith(CATEGORY_COUNT) and value == {"N": "0"}


def _is_total(name: str) -> bool:
    return name in {PURCHASES, VOLUME, FIRST, LAST, REFUNDED} or name.startswith(CATEGORY_COUNT)


def _integer(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def _extreme(which: Callable[[Iterable[int]], int], *instants: int | None) -> int | None:
    known = [each for each in instants if each is not None]
    return which(known) if known else None

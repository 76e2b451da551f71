"""One customer's purchases as columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast, overload

from domain.errors import CorruptRecord
from domain.purchases.lifetime import Lifetime
from domain.purchases.purchase import Purchase
from domain.purchases.refund import Refund


@dataclass(slots=True, eq=False)
class PurchaseColumns(Sequence[Purchase]):
    """One customer's purchases as columns, in any order; as a sequence, oldest first.

    Thousands of purchases are read for features alone: as columns none of them becomes an object.
    Ties in time go by purchase_id.
    """

    customer_id: str
    purchase_id: list[str]
    purchased_at: list[int]
    category: list[str]
    amount_minor: list[int]
    refunds: dict[str, tuple[Refund, ...]] = field(default_factory=dict)
    """By purchase_id, for the few that have any."""
    lifetime: Lifetime | None = None
    """The totals of all that the customer bought, listed here or not; None: all is listed here."""

    @classmethod
    def of(cls, purchases: Sequence[Purchase]) -> "PurchaseColumns":
        """The columns of one customer's purchases, each counted once.

        Raises:
            CorruptRecord: two different purchases share an id.
        """
        if isinstance(purchases, cls):
            _check_distinct(purchases.purchase_id)
            return purchases
        rows = _each_once(purchases)
        return cls(
            customer_id=purchases[0].customer_id if purchases else "",
            purchase_id=[row.purchase_id for row in rows],
            purchased_at=[row.purchased_at for row in rows],
            category=[row.category for row in rows],
            amount_minor=[row.amount_minor for row in rows],
            refunds={row.purchase_id: row.refunds for row in rows if row.refunds},
        )

    def within(self, *, after: int, until: int) -> "PurchaseColumns":
        """Those in (after, until], microseconds since the epoch, UTC."""
        if all(after < at <= until for at in self.purchased_at):
            return self
        chosen = [n for n, at in enumerate(self.purchased_at) if after < at <= until]
        return PurchaseColumns(
            customer_id=self.customer_id,
            purchase_id=[self.purchase_id[n] for n in chosen],
            purchased_at=[self.purchased_at[n] for n in chosen],
            category=[self.category[n] for n in chosen],
            amount_minor=[self.amount_minor[n] for n in chosen],
            refunds=self.refunds,
        )

    def __len__(self) -> int:
        return len(self.purchased_at)

    @overload
    def __getitem__(self, index: int) -> Purchase: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Purchase]: ...
    def __getitem__(self, index: int | slice) -> Purchase | Sequence[Purchase]:
        return list(self)[index]

    def __iter__(self) -> Iterator[Purchase]:
        rows = zip(
            self.purchased_at, self.purchase_id, self.category, self.amount_minor, strict=True
        )
        for at, purchase_id, category, amount_minor in sorted(rows):
            yield Purchase(
                customer_id=self.customer_id,
                purchase_id=purchase_id,
                purchased_at=at,
                category=category,
                amount_minor=amount_minor,
                refunds=self.refunds.get(purchase_id, ()),
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(cast("Sequence[object]", other))

    __hash__ = None  # type: ignore[assignment]  # its lists may change


def _check_distinct(ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        shared = next(each for each in ids if ids.count(each) > 1)
        raise _sharing(shared)


def _each_once(purchases: Sequence[Purchase]) -> Sequence[Purchase]:
    by_id: dict[str, Purchase] = {}
    for purchase in purchases:
        first = by_id.setdefault(purchase.purchase_id, purchase)
        if first is not purchase and first != purchase:
            raise _sharing(purchase.purchase_id)
    return list(by_id.values())


def _sharing(purchase_id: str) -> CorruptRecord:
    return CorruptRecord(f"two different purchases of one customer share the id {purchase_id!r}")

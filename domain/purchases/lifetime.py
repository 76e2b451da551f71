"""Lifetime: what all purchases of one customer amount to, however long ago they were."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.purchases.purchase import Purchase
from domain.purchases.refund import refunded_minor
from domain.values import BEGINNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Totals of everything recorded of a customer, whatever its date.

    A purchase that was refunded in full counts nowhere. Units: `volume_minor` in minor units, after
    refunds; `first_at` and `last_at` in microseconds since the epoch, UTC, None without purchases.
    `refunded_until` is the instant of the latest refund: totals before it are others. `categories`
    has the number of purchases by category, 0 where all of them were refunded.
    """

    purchases: int = 0
    volume_minor: int = 0
    first_at: int | None = None
    last_at: int | None = None
    refunded_until: int = BEGINNING
    categories: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, purchases: Iterable[Purchase]) -> "Lifetime":
        """The totals of these purchases, all that there are of one customer."""
        everything = list(purchases)
        counted = [purchase for purchase in everything if counts(purchase)]
        instants = [purchase.purchased_at for purchase in counted]
        return cls(
            purchases=len(counted),
            volume_minor=sum(p.amount_minor - refunded_minor(p.refunds) for p in counted),
            first_at=min(instants, default=None),
            last_at=max(instants, default=None),
            refunded_until=max(
                (refund.refunded_at for p in everything for refund in p.refunds), default=BEGINNING
            ),
            categories=dict.fromkeys((purchase.category for purchase in everything), 0)
            | Counter(purchase.category for purchase in counted),
        )

    @property
    def bought(self) -> Mapping[str, int]:
        """The number of purchases by category, of those with any."""
        return {category: count for category, count in self.categories.items() if count}


def counts(purchase: Purchase) -> bool:
    """Whether anything is left of a purchase; one for nothing is a purchase all the same."""
    return not purchase.amount_minor or refunded_minor(purchase.refunds) < purchase.amount_minor

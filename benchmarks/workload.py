"""The workload of the audience benchmarks: customers of one category and what each bought."""

from domain.purchases import Purchase
from domain.values import MICROS_PER_DAY, instant

NOW = instant.parse("2026-03-01T12:00:00Z")
"""The present of every benchmark, and its as_of."""
WINDOW_DAYS = 30
CATEGORY = "grocery"
SHARDS = 16
PURCHASES_EACH = 10
"""Entries of one customer in the index; half of them lie within the window."""
FEAST_FEATURE = "spending:total_purchase_volume_30d"
"""The feature view and feature under which Feast stores what a customer spent in the window."""
VARIANTS = 512
"""How many different histories there are; customers take them in turn."""


def customer_id(number: int) -> str:
    """The id of one customer."""
    return f"customer-{number:09d}"


def customer_number(customer: str) -> int:
    """The number of a customer id."""
    return int(customer[-9:])


def tenths_between(count: int) -> int:
    """Tenths of a day between two purchases of one customer, of whom so many lie in 55 days."""
    return 550 // count


def purchases_of(
    number: int, *, now: int = NOW, tenths_apart: int = 55, count: int = PURCHASES_EACH
) -> list[Purchase]:
    """One customer's purchases, newest first, so many tenths of a day apart.

    As it stands five lie within the window and five before it.
    """
    variant = number % VARIANTS
    return [
        Purchase(
            customer_id=customer_id(number),
            purchase_id=f"purchase-{ordinal:04d}",
            purchased_at=now - (ordinal * tenths_apart + variant % 50 + 1) * MICROS_PER_DAY // 10,
            category=CATEGORY,
            amount_minor=100 + variant * 37 % 9_000 + ordinal,
        )
        for ordinal in range(count)
    ]


def spent_by(number: int) -> float:
    """What one customer spent within the window up to NOW, in minor units."""
    first = NOW - WINDOW_DAYS * MICROS_PER_DAY
    return float(sum(p.amount_minor for p in purchases_of(number) if p.purchased_at > first))

"""Sizes of items and index entries, by DynamoDB's rules, from the lengths of a shop's ids.

`tests/integration/test_bill.py` holds them to what the adapters store.
"""

from dataclasses import dataclass

HASH_BYTES = 16
"""One customer in the sketch of a category."""
LISTED_HASHES = 384
"""Hashes of a large category's item: between one and two times those that its sketch needs."""
_AMOUNT = 12 + 4
"""`amount_minor` with four digits."""
_INSTANT = 10
_SHARD = len("#000")
_FINGERPRINT = 11 + 32
_ELEMENT = 18
"""One purchase in a recent item, however long its ids are."""
_LONGEST_ELEMENT = 29
"""One refund there."""
_ROOM = 300_000
"""Bytes that a recent item has for its days."""
_DAY = len("d20513")
_TOTALS = 47
"""Totals, the retention and the count of writes in a recent item."""
_CATEGORY_COUNT = len("c:") + 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The lengths of ids in bytes, and what follows from them; the defaults are of UUIDs."""

    customer_id: int = 36
    purchase_id: int = 36
    category: int = 12

    @property
    def key(self) -> int:
        """The key of a purchase, with its names."""
        return 11 + self.customer_id + 11 + self.purchase_id

    @property
    def by_time(self) -> int:
        """An entry of `by_time`."""
        return self.key + 12 + _INSTANT + 8 + self.category + _AMOUNT

    @property
    def by_category(self) -> int:
        """An entry of `by_category`."""
        return self.key + 14 + self.category + _SHARD

    @property
    def purchase(self) -> int:
        """The item of a purchase that is kept for ever."""
        return self.by_time + 14 + self.category + _SHARD + _FINGERPRINT

    def recent(self, *, purchases: float, days: float, categories: float) -> float:
        """A recent item with so many purchases on so many days, of a customer of so many categories."""
        return (
            (11 + self.customer_id + _TOTALS)
            + purchases * _ELEMENT
            + days * _DAY
            + categories * (_CATEGORY_COUNT + self.category)
        )

    def listed(self, customers: float) -> float:
        """The item that lists a category and counts its customers."""
        hashes = min(customers, LISTED_HASHES)
        return 8 + self.category + 8 + hashes * HASH_BYTES


def purchases_held_a_day(days_kept: int) -> int:
    """How many of a customer's purchases a day's set holds; with more, the day is read by time."""
    return max(1, _ROOM // ((days_kept + 2) * _LONGEST_ELEMENT))
